package audit

import (
	"context"
	"errors"

	"golang.org/x/sync/errgroup"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/curate"
	"github.com/eventlake/lake/raw"
)

// day holds the events that raw has of the hours in a day of a table against the
// rows: each has exactly one. Copies of an event have the same time of their own,
// so only row groups are read whose rows are of a minute of one of the events.
// For what is not found there the others are asked, by their filters: a copy that
// has been changed may have another time.
func (a *auditor) day(ctx context.Context, k tableDay, files []lake.File, part string, f *finding) error {
	set, err := newIDs(k.table, part, max(1, int(a.Memory/idBytes)))
	if err != nil {
		return err
	}
	var times minutes
	if err := a.readRaw(ctx, k, files, set, &times, first(part), f); err != nil {
		return err
	}
	if len(set.index) == 0 {
		set.tell(f)
		return nil
	}
	t, err := a.table(ctx, k.table)
	if err != nil {
		return err
	}
	var rows []lake.DataFile
	for _, file := range t.Files {
		if file.Day == k.day {
			rows = append(rows, file)
		}
	}
	start := k.day.Start()
	near := func(g *curate.Group) bool { return times.any(start, g.First, g.Last) }
	skipped := make([]bool, len(rows))
	unreadable, err := a.count(ctx, rows, set, first(part), f, func(i int, g *curate.Group) (bool, error) {
		if near(g) {
			return true, nil
		}
		skipped[i] = true
		return false, nil
	})
	if err != nil {
		return err
	}
	if missing := set.missing(); len(missing) > 0 && !unreadable {
		var others []lake.DataFile
		for i, file := range rows {
			if skipped[i] {
				others = append(others, file)
			}
		}
		unreadable, err = a.count(ctx, others, set, first(part), f, func(_ int, g *curate.Group) (bool, error) {
			if near(g) {
				return false, nil
			}
			return g.MayHold(missing)
		})
		if err != nil {
			return err
		}
	}
	if missing := set.missing(); len(missing) > 0 && !unreadable {
		f.Gap += int64(len(missing))
		f.problem("table %s lacks %d events that are in raw, one of them %s", k.table, len(missing), missing[0])
	}
	set.tell(f)
	return nil
}

// readRaw puts in what the objects have of the hours, and sees whether one is
// gone or cut. say is false where that was told before.
func (a *auditor) readRaw(ctx context.Context, k tableDay, files []lake.File, set *ids, times *minutes, say bool, f *finding) error {
	errs := make([]error, len(files))
	seen := make([]minutes, len(files))
	err := a.each(ctx, len(files), func(ctx context.Context, i int) error {
		err := a.readObject(ctx, k, files[i], set, &seen[i])
		if errors.Is(err, errTooMany) {
			return err
		}
		errs[i] = err
		return ctx.Err()
	})
	if err != nil {
		return err
	}
	for i := range files {
		times.add(&seen[i])
		if errs[i] != nil && say {
			f.problem("raw object %s cannot be read: %s", files[i].Key, files[i].Key.Reason(errs[i]))
		}
	}
	return nil
}

// sightings is how many lines are put in at once.
const sightings = 1024

func (a *auditor) readObject(ctx context.Context, k tableDay, file lake.File, set *ids, times *minutes) error {
	var fields raw.Fields
	lines := make([]sighting, 0, min(sightings, max(1, file.Bytes/16)))
	waiting, start, n := a.waiting[file.Key], k.day.Start(), 0
	err := a.Lines.EachLine(ctx, file, func(line []byte) error {
		if n++; n%4096 == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		if _, err := raw.Split(line, &fields); err != nil {
			return err
		}
		if !a.holds(fields.Received) || !set.has(fields.ID) {
			return nil
		}
		times.set(start, fields.Created)
		lines = append(lines, sighting{fields.ID, recordOf(fields.Shard, fields.Position), fields.Source, fields.Received.Hour(), waiting})
		if len(lines) < sightings {
			return nil
		}
		err := set.add(lines)
		lines = lines[:0]
		return err
	})
	if errors.Is(err, errTooMany) {
		return err
	}
	return errors.Join(err, set.add(lines)) // what was read of a damaged object counts
}

// count counts the rows of the row groups that choose wants. unreadable is true
// when a file cannot be read, so that nothing can be said to be missing.
func (a *auditor) count(ctx context.Context, files []lake.DataFile, set *ids, say bool, f *finding, choose func(int, *curate.Group) (bool, error)) (unreadable bool, err error) {
	errs := make([]error, len(files))
	err = a.each(ctx, len(files), func(ctx context.Context, i int) error {
		errs[i] = curate.IDs(ctx, a.Store, files[i], func(g *curate.Group) (bool, error) { return choose(i, g) }, set.row)
		return ctx.Err()
	})
	if err != nil {
		return true, err
	}
	for i, err := range errs {
		if err == nil {
			continue
		}
		unreadable = true
		if say {
			a.name(f, files[i], files[i].Key.Reason(err))
		}
	}
	return unreadable, nil
}

// each calls fn for 0 to n-1, several at once, until one fails.
func (a *auditor) each(ctx context.Context, n int, fn func(context.Context, int) error) error {
	group, inner := errgroup.WithContext(ctx)
	group.SetLimit(a.Parallel)
	for i := range n {
		if inner.Err() != nil {
			break
		}
		group.Go(func() error { return fn(inner, i) })
	}
	if err := group.Wait(); err != nil {
		return err
	}
	return ctx.Err()
}
