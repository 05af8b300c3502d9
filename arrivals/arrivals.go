// Package arrivals gives the objects that a delivery service has written their
// place in the lake. Firehose, or a Lambda that cannot commit, names raw files
// to nobody; this stage finds them by notification or by listing, puts them in
// an order, and commits each to the ledger once. From there on they are raw
// files like any other: curate takes them in by position.
//
// The order is a shard of its own: an object's span is its ordinal. Registering
// an object twice would count nothing twice, because curate compares ids, but
// cost a second reading; so an object that the ledger names is passed over.
package arrivals

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"time"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/raw"
)

// Shard is the shard in which objects arrive.
const Shard lake.ShardID = "arrivals"

// staleTries is how often a commit that lost to another register is redone.
const staleTries = 10

// maxFiles bounds the files of one commit.
const maxFiles = 1000

// Report is what a Register did.
type Report struct {
	Added   int        // objects that are files of the ledger now
	Known   int        // objects that were before
	Foreign []lake.Key // keys that are neither raw nor quarantine files; they are left alone
}

// Register makes the objects files of the ledger, in the order of their times.
// Objects that it holds already are passed over, so a repeat adds nothing; one
// that was written anew under its key since takes the old one's place, and is
// read again. Of several registers at once each object is added by one.
func Register(ctx context.Context, ledger lake.Ledger, objects []lake.Info) (Report, error) {
	var r Report
	files := make([]lake.File, 0, len(objects))
	for _, o := range objects {
		if f, ok := file(o); ok {
			files = append(files, f)
		} else {
			r.Foreign = append(r.Foreign, o.Key)
		}
	}
	slices.SortFunc(files, func(a, b lake.File) int {
		return cmp.Or(cmp.Compare(a.Received, b.Received), cmp.Compare(a.Key, b.Key))
	})
	files = latest(files)
	for try := 1; len(files) > 0; try++ {
		left, added, known, err := register(ctx, ledger, files)
		r.Added, r.Known = r.Added+added, r.Known+known
		files = left
		if err != nil && (!errors.Is(err, lake.ErrStale) || try == staleTries) {
			return r, fmt.Errorf("register %d objects: %w", len(files), err)
		}
	}
	return r, nil
}

// latest leaves out what was written anew under its key later among the files,
// which are in the order of their times.
func latest(files []lake.File) []lake.File {
	at := make(map[lake.Key]lake.Instant, len(files))
	for i := range files {
		at[files[i].Key] = files[i].Received
	}
	files = slices.DeleteFunc(files, func(f lake.File) bool { return f.Received != at[f.Key] })
	return slices.CompactFunc(files, func(a, b lake.File) bool { return a.Key == b.Key })
}

// file is what the name and the size of a raw or quarantine object tell of it;
// any other object is none. Its events are of its partition's day.
func file(o lake.Info) (f lake.File, ok bool) {
	kind, p, err := raw.ParseDir(o.Key)
	return lake.File{
		Key: o.Key, Kind: kind, Partition: p, Shard: Shard, Bytes: o.Bytes, Received: o.Time,
		MinTime: p.Day.Start(), MaxTime: (p.Day + 1).Start() - 1,
	}, err == nil && o.Bytes > 0
}

// named is what the journal names of the keys: it may name millions of others.
func named(j lake.Journal, keys map[lake.Key]bool) map[lake.Key]lake.File {
	files := make(map[lake.Key]lake.File, len(keys))
	for f := range j.Files("") {
		if keys[f.Key] {
			files[f.Key] = f
		}
	}
	return files
}

// slack is by how much two accounts of one writing of an object may differ: a
// notification and a listing do not take the time at the same moment.
const slack = time.Minute

// replaced reports whether f is not what the ledger has under its key, but was
// written there later. Nobody vouches for an arrival: it is what lies there now.
func replaced(f, have lake.File) bool {
	since := f.Received.Sub(have.Received)
	return have.Shard == Shard && (since > slack || since >= 0 && f.Bytes != have.Bytes)
}

// register commits the first of the files that are new and returns those that
// are left, which are all when the commit was stale.
func register(ctx context.Context, ledger lake.Ledger, files []lake.File) (left []lake.File, added, known int, err error) {
	journal, err := ledger.Journal(ctx)
	if err != nil {
		return files, 0, 0, err
	}
	keys := make(map[lake.Key]bool, len(files))
	for i := range files {
		keys[files[i].Key] = true
	}
	have := named(journal, keys)
	fresh := slices.DeleteFunc(slices.Clone(files), func(f lake.File) bool {
		old, ok := have[f.Key]
		return ok && !replaced(f, old)
	})
	known = len(files) - len(fresh)
	if len(fresh) == 0 {
		return nil, 0, known, nil
	}
	n := min(len(fresh), maxFiles)
	at := journal.Positions()[Shard]
	span := lake.Span{After: at, To: at}
	var old []lake.File
	for i := range fresh[:n] {
		if f, ok := have[fresh[i].Key]; ok {
			old = append(old, f)
		}
		next := lake.Span{After: span.To, To: following(span.To)}
		fresh[i].Span, span.To = next, next.To
	}
	if err := ledger.Commit(ctx, lake.Commit{Shard: Shard, Span: span, Add: fresh[:n], Remove: old}); err != nil {
		return fresh, 0, known, err
	}
	return fresh[n:], n, known, nil
}

func following(p lake.Position) lake.Position {
	n, _ := p.Uint64() // positions of this shard are ordinals
	return lake.Pos(n + 1)
}

// committed is how long the ledger names a file that a worker has committed:
// nobody tells of such an object later, but an audit looks for it.
const committed = 24 * time.Hour

// Forget takes the names of files that have been in their tables for a day, by
// a mark that Rested has given, out of the ledger, so that it does not grow with
// the lake: arrivals that are older than twice the Window, and files of other
// shards, which workers have committed. Their objects stay: they are the raw
// layer.
func Forget(ctx context.Context, ledger lake.Ledger, rested map[lake.ShardID]lake.Position, now lake.Instant) (int, error) {
	journal, err := lake.Between(ctx, ledger, math.MinInt64, now.Add(-min(committed, 2*Window)))
	if err != nil {
		return 0, err
	}
	old := map[lake.ShardID][]lake.File{} // a batch at most of each shard
	forgotten := 0
	flush := func(shard lake.ShardID) error {
		n, err := forget(ctx, ledger, shard, old[shard])
		forgotten, old[shard] = forgotten+n, nil
		return err
	}
	for f := range journal.Files("") {
		age := committed
		if f.Shard == Shard {
			age = 2 * Window
		}
		if f.Span.To.After(rested[f.Shard]) || now.Sub(f.Received) <= age {
			continue
		}
		if old[f.Shard] = append(old[f.Shard], f); len(old[f.Shard]) == maxFiles {
			if err := flush(f.Shard); err != nil {
				return forgotten, err
			}
		}
	}
	for _, shard := range slices.Sorted(maps.Keys(old)) {
		if err := flush(shard); err != nil {
			return forgotten, err
		}
	}
	return forgotten, nil
}

// forget removes a batch, and returns how many files it was. None when another
// one does it.
func forget(ctx context.Context, ledger lake.Ledger, shard lake.ShardID, old []lake.File) (int, error) {
	if len(old) == 0 {
		return 0, nil
	}
	at, err := ledger.Position(ctx, shard)
	if err != nil {
		return 0, err
	}
	err = ledger.Commit(ctx, lake.Commit{Shard: shard, Span: lake.Span{After: at, To: at}, Remove: old})
	if errors.Is(err, lake.ErrStale) {
		return 0, nil // another one does it, or will
	}
	if err != nil {
		return 0, fmt.Errorf("forget %d files of %s: %w", len(old), shard, err)
	}
	return len(old), nil
}
