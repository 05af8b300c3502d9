package curate_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"
	"testing"
	"time"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/arrivals"
	"github.com/eventlake/lake/laketest/memory"
	"github.com/eventlake/lake/lambda/curate"
)

const day = "raw/event_type=account/event_subtype=x/year=2026/month=06/day=01/"

// put writes bytes under a key, whatever is there, and returns the notification.
func (r *rig) put(key lake.Key, content []byte) string {
	r.t.Helper()
	if err := r.store.Delete(r.t.Context(), key); err != nil {
		r.t.Fatal(err)
	}
	info, err := r.store.Create(r.t.Context(), key, func(w io.Writer) error { _, err := w.Write(content); return err })
	if err != nil {
		r.t.Fatal(err)
	}
	return r.notification(key, info.Bytes)
}

// content is what the last delivered object holds.
func (r *rig) content() []byte {
	r.t.Helper()
	object, err := r.store.Open(r.t.Context(), r.last())
	if err != nil {
		r.t.Fatal(err)
	}
	content, err := io.ReadAll(object)
	if err = errors.Join(err, object.Close()); err != nil {
		r.t.Fatal(err)
	}
	return content
}

func (r *rig) last() lake.Key {
	return lake.Key(fmt.Sprintf("%sdelivery-1-%d-uuid.gz", day, r.objects))
}

// events is an object of account events that lies nowhere.
func (r *rig) events(positions ...uint64) []byte {
	r.t.Helper()
	r.deliver("account", positions...)
	content := r.content()
	if err := r.store.Delete(r.t.Context(), r.last()); err != nil {
		r.t.Fatal(err)
	}
	return content
}

func (r *rig) do(task string) curate.Report {
	r.t.Helper()
	out, err := r.handler.Invoke(r.t.Context(), []byte(task))
	if err != nil {
		r.t.Fatal(err)
	}
	var report curate.Report
	if err := json.Unmarshal(out, &report); err != nil {
		r.t.Fatal(err)
	}
	return report
}

func (r *rig) aside(want ...lake.Key) {
	r.t.Helper()
	asides, err := arrivals.Asides(r.t.Context(), r.store)
	if err != nil {
		r.t.Fatal(err)
	}
	var keys []lake.Key
	for key, a := range asides {
		if a.Reason == "" || a.Time == 0 {
			r.t.Errorf("%+v", a)
		}
		keys = append(keys, key)
	}
	if slices.Sort(keys); !slices.Equal(keys, want) {
		r.t.Fatalf("%v are set aside, want %v", keys, want)
	}
}

func TestADamagedObjectIsSetAsideAndComesInWhenItIsPutRight(t *testing.T) {
	const key lake.Key = day + "cut.ndjson.gz"
	damages := map[string]func(whole []byte) []byte{
		"garbage":   func([]byte) []byte { return []byte("0123456789") },
		"cut":       func(whole []byte) []byte { return whole[:len(whole)-9] },
		"no events": func([]byte) []byte { return gz(t, "{}\n") },
		"no JSON":   func([]byte) []byte { return gz(t, `{"a":,"event_id":"x"}`+"\n") },
	}
	for name, damage := range damages {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			whole := r.events(1, 2)
			bad := r.put(key, damage(whole))
			r.tell("", bad) // the table does not exist yet
			r.aside(key)
			r.tell("", r.deliver("account", 3), r.deliver("payment", 4), bad) // a notification comes twice
			r.want("account", 1)
			r.want("payment", 1)
			if rep := r.reports[0]; rep.Waiting != 0 || len(rep.Aside) != 1 || rep.Aside[0].Key != key {
				t.Fatalf("%+v", rep)
			}
			for range 2 {
				if rep := r.do(`{"task":"upkeep"}`); rep.Objects.Added != 0 || rep.Waiting != 0 {
					t.Fatalf("what is set aside is found again: %+v", rep)
				}
			}
			r.aside(key)
			r.tell("", r.put(key, whole))
			r.want("account", 3)
			r.aside()
		})
	}
}

// TestAnObjectWithoutEventsMakesNoTable and no work without end.
func TestAnObjectWithoutEventsMakesNoTable(t *testing.T) {
	r := newRig(t)
	r.tell("", r.put(day+"empty.gz", gz(t, "\n")), r.deliver("payment", 1))
	r.want("account", 0)
	r.want("payment", 1)
	r.aside(day + "empty.gz")
}

func TestAnObjectThatIsGoneIsSetAside(t *testing.T) {
	r := newRig(t)
	told := r.deliver("account", 1)
	content, key := r.content(), r.last()
	if err := r.store.Delete(t.Context(), key); err != nil {
		t.Fatal(err)
	}
	r.tell("", told, r.deliver("account", 2))
	r.want("account", 1)
	r.aside(key)
	if _, err := r.handler.Invoke(t.Context(), []byte(`{"task":"again","keys":["`+key+`"]}`)); !errors.Is(err, lake.ErrNotFound) {
		t.Fatal(err)
	}
	r.put(key, content) // nobody is told
	if rep := r.do(`{"task":"again","keys":["` + string(key) + `"]}`); rep.Objects.Added != 1 || len(rep.Settled) != 1 {
		t.Fatalf("%+v", rep)
	}
	r.want("account", 2)
	r.aside()
}

func TestALossThatIsAcceptedIsToldOfNoMore(t *testing.T) {
	r := newRig(t)
	const key lake.Key = day + "cut.ndjson.gz"
	r.tell("", r.put(key, []byte("0123456789")))
	r.aside(key)
	if err := r.store.Delete(t.Context(), key); err != nil {
		t.Fatal(err)
	}
	if rep := r.do(`{"task":"accept-loss","keys":["` + string(key) + `","raw/unknown"]}`); !slices.Equal(rep.Settled, []lake.Key{key}) {
		t.Fatalf("%+v", rep)
	}
	r.do(`{"task":"upkeep"}`)
	r.aside()
}

// TestAnObjectIsWhatItIsNow before it is in its table, and after.
func TestAnObjectIsWhatItIsNow(t *testing.T) {
	r := newRig(t)
	const key lake.Key = day + "a.gz"
	first, second, third := r.events(1), r.events(1, 2, 3), r.events(1, 2, 3, 4, 5, 6)
	old := r.put(key, first)
	r.put(key, second)
	r.tell("", old) // its size is not the object's any more
	r.want("account", 3)
	r.tell("", r.put(key, third))
	r.want("account", 6)
	r.tell("", old)
	r.want("account", 6)
	r.aside()
}

// failing is a store whose raw objects break off while they are read.
type failing struct {
	*memory.Store
	fail bool
}

var errBroken = errors.New("the connection broke")

type broken struct{ lake.Object }

func (b broken) Read(p []byte) (int, error) {
	n, err := b.Object.Read(p[:min(len(p), 20)])
	if n == 0 || err != nil {
		return n, errBroken
	}
	return n, nil
}

func (f *failing) Open(ctx context.Context, key lake.Key) (lake.Object, error) {
	object, err := f.Store.Open(ctx, key)
	if err == nil && f.fail && bytes.HasPrefix([]byte(key), []byte("raw/")) {
		return broken{object}, nil
	}
	return object, err
}

func TestAServiceThatFailsSetsNothingAside(t *testing.T) {
	store := &failing{Store: memory.NewStore(), fail: true}
	r := newRigOn(t, store.Store, store)
	r.tell("", r.deliver("account", 1))
	r.aside()
	if rep := r.reports[0]; rep.Waiting != 1 {
		t.Fatalf("%+v", rep)
	}
	store.fail = false
	r.do(`{}`)
	r.want("account", 1)
}

func gz(t *testing.T, text string) []byte {
	t.Helper()
	var out bytes.Buffer
	zip := gzip.NewWriter(&out)
	if _, err := zip.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if err := zip.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// endless is a store that never comes to the end of listing raw.
type endless struct{ *memory.Store }

func (e endless) List(ctx context.Context, prefix lake.Key) iter.Seq2[lake.Info, error] {
	if prefix != "raw/" {
		return e.Store.List(ctx, prefix)
	}
	return func(yield func(lake.Info, error) bool) {
		for info, err := range e.Store.List(ctx, prefix) {
			if !yield(info, err) {
				return
			}
		}
		<-ctx.Done()
		yield(lake.Info{}, ctx.Err())
	}
}

func TestFindThatDoesNotEndKeepsNothingFromBeingReached(t *testing.T) {
	store := endless{memory.NewStore()}
	r := newRigOn(t, store.Store, store)
	r.deliver("account", 1)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second+8*time.Second) // the margin, and some
	defer cancel()
	begun := time.Now()
	if _, err := r.handler.Invoke(ctx, []byte(`{"task":"upkeep"}`)); err != nil {
		t.Fatal(err)
	}
	r.want("account", 1)
	if took := time.Since(begun); took > 4*time.Second {
		t.Fatalf("find took %s of 8 s", took)
	}
}
