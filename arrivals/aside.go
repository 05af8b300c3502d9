package arrivals

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/klauspost/compress/gzip"
	"github.com/zeebo/xxh3"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/raw"
)

// Aside is an arrival that was set aside: nothing could be made of its object,
// so the ledger names it no more, and what came with it is in the tables. Its
// own events come in when it is put right and registered again, and ids are
// compared as for every arrival. Until then its report lies in the store.
type Aside struct {
	Key    lake.Key     `json:"key"`
	Reason string       `json:"reason"`
	Time   lake.Instant `json:"time"` // when it was set aside
}

// AsideRoot is where the reports of what was set aside lie, an object a key.
const AsideRoot lake.Key = "ledger/aside/"

func reportKey(key lake.Key) lake.Key {
	return AsideRoot + lake.Key(fmt.Sprintf("%016x.json", xxh3.HashString(string(key))))
}

// Ledger is what the ledger of arrivals is asked for.
type Ledger interface {
	lake.Ledger
	lake.Backlog
}

// SetAside looks at the arrivals that their tables have not taken in, and sets
// aside those whose objects are gone, cannot be unpacked, or hold no events.
// An object that cannot be read for another reason, as a service that does not
// answer, is an error. Files that workers have committed are left alone: their
// content is vouched for, and a loss of it is for a person to accept. A repeat
// goes on where the last one ended.
func SetAside(ctx context.Context, ledger Ledger, store lake.Store, catalog lake.Catalog, now lake.Instant) (aside []Aside, err error) {
	pending, err := ledger.Pending(ctx)
	if err != nil {
		return nil, err
	}
	tables := map[lake.TableName]lake.Table{}
	for _, f := range pending {
		if f.Shard != Shard {
			continue
		}
		name := f.Partition.Table()
		t, ok := tables[name]
		if !ok {
			if t, err = catalog.Table(ctx, name); err != nil && !errors.Is(err, lake.ErrNotFound) {
				return aside, fmt.Errorf("table %s: %w", name, err)
			}
			tables[name] = t
		}
		if t.Has(f) {
			continue
		}
		damage, err := inspect(ctx, store, f)
		if err != nil {
			return aside, fmt.Errorf("look at %s: %w", f.Key, err)
		}
		if damage == nil {
			continue
		}
		a := Aside{Key: f.Key, Reason: damage.Error(), Time: now}
		if err := a.set(ctx, ledger, store, f); err != nil {
			return aside, fmt.Errorf("set %s aside: %w", f.Key, err)
		}
		aside = append(aside, a)
	}
	return aside, nil
}

// set writes the report before the ledger forgets the file, so that a crash
// loses sight of neither.
func (a *Aside) set(ctx context.Context, ledger Ledger, store lake.Store, f lake.File) error {
	report, err := json.Marshal(a)
	if err != nil {
		return err
	}
	if err := store.Delete(ctx, reportKey(a.Key)); err != nil { // of an earlier time
		return err
	}
	_, err = store.Create(ctx, reportKey(a.Key), func(w io.Writer) error { _, err := w.Write(report); return err })
	if err != nil && !errors.Is(err, lake.ErrExists) { // another process does the same
		return err
	}
	for try := 1; ; try++ {
		at, err := ledger.Position(ctx, Shard)
		if err != nil {
			return err
		}
		err = ledger.Commit(ctx, lake.Commit{Shard: Shard, Span: lake.Span{After: at, To: at}, Remove: []lake.File{f}})
		if err == nil || !errors.Is(err, lake.ErrStale) {
			return err
		}
		journal, err := ledger.Journal(ctx)
		if err != nil {
			return err
		}
		if have, ok := named(journal, map[lake.Key]bool{f.Key: true})[f.Key]; !ok || have.Span != f.Span {
			return nil // another process was faster
		}
		if try == staleTries {
			return lake.ErrStale
		}
	}
}

// inspect says what is wrong with an object; err when it cannot be told.
func inspect(ctx context.Context, store lake.Store, f lake.File) (damage, err error) {
	object, err := store.Open(ctx, f.Key)
	if errors.Is(err, lake.ErrNotFound) {
		return errors.New("the object is gone"), nil
	}
	if err != nil {
		return nil, err
	}
	in := &source{Reader: object}
	damage = events(ctx, in, f)
	err = errors.Join(ctx.Err(), in.err, object.Close())
	if err != nil {
		return nil, err
	}
	return damage, nil
}

// source tells failures to read an object from what is wrong with its content.
type source struct {
	io.Reader
	err error
}

func (s *source) Read(p []byte) (int, error) {
	n, err := s.Reader.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		s.err = err
	}
	return n, err
}

// events reads all lines as curate does, and is an error when they are no
// events.
func events(ctx context.Context, in io.Reader, f lake.File) error {
	zip, err := gzip.NewReader(in)
	if err != nil {
		return fmt.Errorf("it is no gzip: %w", err)
	}
	n := 0
	var fields raw.Fields
	err = raw.Lines(zip, raw.BufferSize(f), func(line []byte) error {
		if line = bytes.TrimSpace(line); len(line) == 0 {
			return ctx.Err()
		}
		n++
		if _, err := raw.Split(line, &fields); err != nil {
			return fmt.Errorf("line %d: %w", n, err)
		}
		if !json.Valid(line) {
			return fmt.Errorf("line %d is no JSON", n)
		}
		return ctx.Err()
	})
	if err == nil && n == 0 {
		err = errors.New("it holds no event")
	}
	return err
}

// Asides returns what is set aside, by key.
func Asides(ctx context.Context, store lake.Store) (map[lake.Key]Aside, error) {
	out := map[lake.Key]Aside{}
	for info, err := range store.List(ctx, AsideRoot) {
		if err != nil {
			return nil, fmt.Errorf("list %s: %w", AsideRoot, err)
		}
		a, err := readAside(ctx, store, info.Key)
		if errors.Is(err, lake.ErrNotFound) {
			continue // it was put right at this moment
		}
		if err != nil {
			return nil, fmt.Errorf("report %s: %w", info.Key, err)
		}
		out[a.Key] = a
	}
	return out, nil
}

// maxReport bounds a report in bytes: a key, and a reason that may quote a part
// of a line.
const maxReport = 64 << 10

func readAside(ctx context.Context, store lake.Store, key lake.Key) (a Aside, err error) {
	object, err := store.Open(ctx, key)
	if err != nil {
		return a, err
	}
	defer func() { err = errors.Join(err, object.Close()) }()
	text, err := io.ReadAll(io.LimitReader(object, maxReport))
	if err != nil {
		return a, err
	}
	return a, json.Unmarshal(text, &a)
}

// Settle takes away the reports of the keys: they were registered again, or
// their loss is accepted. It returns those that had one.
func Settle(ctx context.Context, store lake.Store, keys []lake.Key) (settled []lake.Key, err error) {
	reports := map[lake.Key]bool{}
	for info, err := range store.List(ctx, AsideRoot) {
		if err != nil {
			return nil, fmt.Errorf("list %s: %w", AsideRoot, err)
		}
		reports[info.Key] = true
	}
	for _, key := range keys {
		report := reportKey(key)
		if !reports[report] || slices.Contains(settled, key) {
			continue
		}
		if err := store.Delete(ctx, report); err != nil {
			return settled, fmt.Errorf("delete %s: %w", report, err)
		}
		settled = append(settled, key)
	}
	return settled, nil
}
