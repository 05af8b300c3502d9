package dynamodb_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/aws/dynamodb"
	"github.com/eventlake/lake/laketest/awsfake"
	"github.com/eventlake/lake/laketest/memory"
)

// parts are the objects that have files, by name.
func parts(t *testing.T, store lake.Store) (keys []lake.Key) {
	t.Helper()
	for info, err := range store.List(t.Context(), "ledger/") {
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(info.Key), "-part-") {
			keys = append(keys, info.Key)
		}
	}
	return keys
}

// shrink is options with which a few files are a part, folded often.
func shrink(store lake.Store) dynamodb.Options {
	return dynamodb.FullPart(dynamodb.Options{Store: store, Checkpoint: 5, Retry: atOnce()}, 4)
}

// TestALedgerOfBeforePartsIsRead: its items were written by the version that had
// files as JSON, 8 records of which the seventh removed the second's file.
func TestALedgerOfBeforePartsIsRead(t *testing.T) {
	text, err := os.ReadFile("testdata/version1.json")
	if err != nil {
		t.Fatal(err)
	}
	var items []map[string]struct {
		S, N *string
		B    []byte
	}
	if err := json.Unmarshal(text, &items); err != nil {
		t.Fatal(err)
	}
	o := shrink(memory.NewStore())
	db := fake(o)
	for _, i := range items {
		item := map[string]types.AttributeValue{}
		for name, v := range i {
			switch {
			case v.S != nil:
				item[name] = &types.AttributeValueMemberS{Value: *v.S}
			case v.N != nil:
				item[name] = &types.AttributeValueMemberN{Value: *v.N}
			default:
				item[name] = &types.AttributeValueMemberB{Value: v.B}
			}
		}
		put(t, db, item)
	}
	want := []lake.Key{file(1).Key}
	for n := uint64(3); n <= 8; n++ {
		want = append(want, file(n).Key)
	}
	if got := keys(t, dynamodb.New(db, o)); !slices.Equal(got, want) {
		t.Fatalf("files %v, want %v", got, want)
	}
	l := dynamodb.New(db, o)
	for n := uint64(9); n <= 30; n++ { // checkpoints of today follow
		commit(t, l, step(n))
		want = append(want, file(n).Key)
	}
	j, err := dynamodb.New(db, o).Journal(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if got := slices.Collect(j.Files("")); len(got) != len(want) || got[0] != file(1) || got[28] != file(30) {
		t.Fatalf("files %v", got)
	}
	if j.Books()[0].Unique != 30 || len(j.Names()) != 5 || len(parts(t, o.Store)) == 0 {
		t.Fatalf("books %v, names %v, %d parts", j.Books(), j.Names(), len(parts(t, o.Store)))
	}
}

// TestManyProcessesAndRemovalsLoseNoFile: processes that know old checkpoints
// commit, fold, remove and read in any order, and some of their calls fail;
// whoever begins then finds what was committed.
func TestManyProcessesAndRemovalsLoseNoFile(t *testing.T) {
	for seed := range uint64(30) {
		r := rand.New(rand.NewPCG(seed, 7))
		o := shrink(memory.NewStore())
		db := fake(o)
		db.ForgetTokens = seed%2 == 0
		db.Fault = func(op string, when awsfake.When) error {
			switch {
			case r.IntN(25) > 0:
				return nil
			case op == "PutItem":
				return awsfake.Says("ValidationException", "not now")
			}
			return awsfake.Lost()
		}
		var ls []*dynamodb.Ledger
		for range 4 {
			ls = append(ls, dynamodb.New(db, o))
		}
		var live []lake.File
		n := uint64(0)
		for range 250 {
			l := ls[r.IntN(len(ls))]
			switch r.IntN(8) {
			case 0: // what is oldest, mostly
				if len(live) == 0 {
					continue
				}
				at := 0
				if r.IntN(4) == 0 {
					at = r.IntN(len(live))
				}
				gone := slices.Clone(live[at:min(at+1+r.IntN(6), len(live))])
				commit(t, l, lake.Commit{Shard: shard, Remove: gone})
				live = slices.Delete(live, at, at+len(gone))
			case 1:
				l := l
				if r.IntN(2) == 0 {
					l = dynamodb.New(db, o)
				}
				j, err := l.Journal(t.Context())
				if err != nil {
					t.Fatalf("seed %d: %v", seed, err)
				}
				if got := slices.Collect(j.Files("")); !slices.Equal(got, live) {
					t.Fatalf("seed %d: %d files, want %d", seed, len(got), len(live))
				}
			case 2:
				mark := position(uint64(r.IntN(int(n) + 1)))
				if err := l.MarkCurated(t.Context(), map[lake.ShardID]lake.Position{shard: mark}); err != nil && !strings.Contains(err.Error(), "not now") {
					t.Fatalf("seed %d: %v", seed, err)
				}
				marks, err := l.Curated(t.Context())
				if err != nil {
					t.Fatalf("seed %d: %v", seed, err)
				}
				var want []lake.File
				for _, f := range live {
					if f.Span.To.After(marks[shard]) {
						want = append(want, f)
					}
				}
				if got, err := l.Pending(t.Context()); err != nil || !slices.Equal(got, want) {
					t.Fatalf("seed %d: %d files are pending, want %d: %v", seed, len(got), len(want), err)
				}
			default:
				n++
				commit(t, l, step(n))
				live = append(live, file(n))
			}
		}
		if len(parts(t, o.Store)) == 0 {
			t.Errorf("seed %d: no part was made", seed)
		}
	}
}

// TestPartsAreRemovedWithTheirFiles: what no checkpoint names goes.
func TestPartsAreRemovedWithTheirFiles(t *testing.T) {
	o := shrink(memory.NewStore())
	db := fake(o)
	l := dynamodb.New(db, o)
	const kept = 20
	for n := uint64(1); n <= 400; n++ {
		c := step(n)
		if n > kept {
			c.Remove = []lake.File{file(n - kept)}
		}
		commit(t, l, c)
	}
	if got := len(parts(t, o.Store)); got < 2 || got > kept/4 {
		t.Errorf("%d parts for %d files", got, kept)
	}
	if got := keys(t, dynamodb.New(db, o)); len(got) != kept {
		t.Errorf("%d files", len(got))
	}
}

// TestWhoWantsLittleReadsLittle: parts are read by those who need a file of them.
func TestWhoWantsLittleReadsLittle(t *testing.T) {
	m := &meter{Store: memory.NewStore()}
	o := shrink(m)
	m.Client = fake(o)
	l := dynamodb.New(m, o)
	const records = 403 // the last ones lie behind the last checkpoint
	for n := uint64(1); n <= records; n++ {
		c := step(n)
		c.Add[0].Received = epoch.Add(1000 * time.Second * time.Duration(n))
		commit(t, l, c)
	}
	if err := l.MarkCurated(t.Context(), map[lake.ShardID]lake.Position{shard: position(390)}); err != nil {
		t.Fatal(err)
	}
	read := func(ask func(*dynamodb.Ledger) (int, error)) (files int, objects int64) {
		m.opened.Store(0)
		files, err := ask(dynamodb.New(m, o))
		if err != nil {
			t.Fatal(err)
		}
		return files, m.opened.Load()
	}
	if files, objects := read(func(l *dynamodb.Ledger) (int, error) {
		files, err := l.Pending(t.Context())
		return len(files), err
	}); files != 13 || objects > 4 {
		t.Errorf("pending: %d files of %d objects", files, objects)
	}
	at := func(n int) lake.Instant { return epoch.Add(1000 * time.Second * time.Duration(n)) }
	if files, objects := read(func(l *dynamodb.Ledger) (int, error) {
		j, err := l.Between(t.Context(), at(101), at(110))
		return length(t, j, err), err
	}); files != 10 || objects > 4 {
		t.Errorf("between: %d files of %d objects", files, objects)
	}
	if files, objects := read(func(l *dynamodb.Ledger) (int, error) {
		j, err := l.Journal(t.Context())
		return length(t, j, err), err
	}); files != records || objects < 90 {
		t.Errorf("all: %d files of %d objects", files, objects)
	}
}

// TestADamagedPartIsNamed: it is an error for those who need it, with its name.
func TestADamagedPartIsNamed(t *testing.T) {
	for name, damage := range map[string]func([]byte) []byte{
		"gone":    nil,
		"cut":     func(b []byte) []byte { return b[:len(b)-1] },
		"changed": func(b []byte) []byte { b[len(b)/2] ^= 1; return b },
		"empty":   func([]byte) []byte { return nil },
	} {
		t.Run(name, func(t *testing.T) {
			store := memory.NewStore()
			o := shrink(store)
			db := fake(o)
			l := dynamodb.New(db, o)
			for n := uint64(1); n <= 23; n++ {
				commit(t, l, step(n))
			}
			key := parts(t, store)[0]
			rewrite(t, store, key, damage)
			l = dynamodb.New(db, o)
			if _, err := l.Journal(t.Context()); !errors.Is(err, lake.ErrCorrupt) || lake.Hint(err) == "" && !strings.Contains(err.Error(), string(key)) {
				t.Errorf("journal: %v", err)
			}
			remove := lake.Commit{Shard: shard, Remove: []lake.File{file(1)}}
			if err := l.Commit(t.Context(), remove); !errors.Is(err, lake.ErrCorrupt) {
				t.Errorf("remove: %v", err)
			}
			if err := l.MarkCurated(t.Context(), map[lake.ShardID]lake.Position{shard: position(20)}); err != nil {
				t.Fatal(err)
			}
			if files, err := l.Pending(t.Context()); err != nil || len(files) != 3 {
				t.Errorf("pending needs nothing of it: %d files, %v", len(files), err)
			}
			commit(t, l, step(24)) // nor does the worker
		})
	}
}

func rewrite(t *testing.T, store lake.Store, key lake.Key, damage func([]byte) []byte) {
	t.Helper()
	object, err := store.Open(t.Context(), key)
	if err != nil {
		t.Fatal(err)
	}
	content, err := io.ReadAll(object)
	if err := errors.Join(err, object.Close(), store.Delete(t.Context(), key)); err != nil {
		t.Fatal(err)
	}
	if damage == nil {
		return
	}
	if _, err := store.Create(t.Context(), key, func(w io.Writer) error { _, err := w.Write(damage(content)); return err }); err != nil {
		t.Fatal(err)
	}
}

// TestKeysOfEveryKindComeBack: keys that say their span, keys that do not, and
// such as look like a pattern.
func TestKeysOfEveryKindComeBack(t *testing.T) {
	var all []lake.File
	for n := range uint64(300) {
		f := file(n + 1)
		if n%7 == 0 {
			f.Kind = lake.KindQuarantine
		}
		if n%11 == 0 {
			f.Shard = "another-shard"
		}
		if n%13 == 0 {
			f.Shard = "\x04"
		}
		p, s := f.Partition.Dir(), f.Span
		f.Key = lake.Key([]string{
			fmt.Sprintf("raw/%s/part-%s-%012s-%012s.ndjson.gz", p, f.Shard, s.After, s.To),
			fmt.Sprintf("quarantine/day=2023-11-14/part-%s-%s-%s.ndjson.gz", f.Shard, s.After, s.To),
			fmt.Sprintf("raw/%s/merged%d.%x-%s-%s-%s", p, n, n*0x9e3779b97f4a7c15, f.Shard, s.To, s.After),
			fmt.Sprintf("raw/%s/\x01\x03-%s-%d", p, s.To, n),
			fmt.Sprintf("raw/%s/lake-%d-2026-11-23-%x", p, n, n*0x9e3779b97f4a7c15),
			fmt.Sprintf("%d", n),
			fmt.Sprintf("%s%s", s.To, s.To),
		}[n%7])
		if n%3 == 0 {
			f.Events, f.Bytes, f.CRC, f.MinTime, f.MaxTime = -1, 1<<62, ^uint32(0), -1<<63, 1<<63-1
		}
		all = append(all, f)
	}
	o := shrink(memory.NewStore())
	db := fake(o)
	l := dynamodb.New(db, o)
	for batch := range slices.Chunk(all, 10) {
		commit(t, l, lake.Commit{Shard: shard, Add: batch})
	}
	j, err := dynamodb.New(db, o).Journal(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	got := slices.Collect(j.Files(""))
	if len(got) != len(all) {
		t.Fatalf("%d files", len(got))
	}
	for i := range all {
		if got[i] != all[i] {
			t.Fatalf("file %d: got\n%+v\nwant\n%+v", i, got[i], all[i])
		}
	}
}
