package assemble

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/config"
	"github.com/eventlake/lake/local/disk"
	"github.com/eventlake/lake/local/store"
	"github.com/eventlake/lake/quarantine"
	"github.com/eventlake/lake/raw"
)

// cover is what there is in the place of files that the ledger names and that
// are missing or have another size: objects that it does not name any more,
// because they were merged or written anew, and that nobody has swept yet.
type cover struct {
	lost   []lake.File         // of one partition and shard, with spans that overlap
	why    map[lake.Key]string // what is wrong with each
	parts  []lake.File         // readable objects that hold no event twice, nor one of a file that is whole
	events int64               // that were lost
	found  int64               // that are in the parts
	whole  bool                // the parts hold every lost event once, and nothing else
}

// repair says what a repair does about it.
func (c *cover) repair() string {
	switch {
	case c.whole:
		return fmt.Sprintf("name %d files again in the ledger, from before a merge or a retry, that hold these %d events; nothing is lost", len(c.parts), c.events)
	case c.found > 0:
		return fmt.Sprintf("none by itself: restore the file from a back-up; without one, lake doctor --rebuild-ledger takes in the %d of these %d events that other files hold; "+
			"rows stay in their tables", c.found, c.events)
	}
	return "none: restore the file from a back-up; rows stay in their tables, and lake rebuild does not drop them unless it is told to"
}

// findCovers looks for what covers those of the listed files that are missing
// or have another size.
func findCovers(ctx context.Context, cfg config.Config, listed []lake.File) ([]cover, error) {
	s := store.New(disk.OS{}, cfg.Data)
	there := map[lake.Key]int64{}
	for _, root := range []lake.Key{raw.Root, quarantine.Root} {
		for info, err := range s.List(ctx, root) {
			if err != nil {
				return nil, err
			}
			there[info.Key] = info.Bytes
		}
	}
	why := map[lake.Key]string{}
	live, spare, lost := map[place][]found{}, map[place][]found{}, map[place][]found{}
	named := map[lake.Key]lake.File{}
	for _, f := range listed {
		named[f.Key] = f
		k := place{f.Kind, f.Partition, f.Shard}
		one := found{raw.Named{Kind: f.Kind, Partition: f.Partition, Shard: f.Shard, Span: f.Span}, f.Key}
		size, ok := there[f.Key]
		switch {
		case !ok:
			why[f.Key] = "is missing"
		case size != f.Bytes:
			why[f.Key] = fmt.Sprintf("has %d bytes, the ledger says %d", size, f.Bytes)
		default:
			live[k] = append(live[k], one)
			continue
		}
		lost[k] = append(lost[k], one)
	}
	if len(lost) == 0 {
		return nil, nil
	}
	for key := range there {
		n, err := raw.ParseKey(key)
		if _, ok := named[key]; err != nil || ok {
			continue // no file of the lake, or one of the above
		}
		k := place{n.Kind, n.Partition, n.Shard}
		spare[k] = append(spare[k], found{n, key})
	}
	sources, err := cfg.Transformers()
	if err != nil {
		return nil, err
	}
	r := newFileReader(s, sources)
	var out []cover
	for k, files := range lost {
		for _, chain := range chains(files) {
			c := cover{why: why}
			for _, f := range chain {
				c.lost = append(c.lost, named[f.key])
				c.events += named[f.key].Events
			}
			if err := c.fill(ctx, r, live[k], spare[k]); err != nil {
				return nil, err
			}
			out = append(out, c)
		}
	}
	slices.SortFunc(out, func(a, b cover) int { return cmp.Compare(a.lost[0].Key, b.lost[0].Key) })
	return out, nil
}

// fill chooses among the spare files of the place: those with most events
// first, and none with an event that a live file or another one has.
func (c *cover) fill(ctx context.Context, r *fileReader, live, spare []found) error {
	span := c.lost[0].Span
	for _, f := range c.lost[1:] {
		span = span.Join(f.Span)
	}
	live = slices.DeleteFunc(slices.Clone(live), func(f found) bool { return !f.Span.To.After(span.After) || !span.To.After(f.Span.After) })
	spare = slices.DeleteFunc(slices.Clone(spare), func(f found) bool { return span.Join(f.Span) != span })
	if len(spare) == 0 {
		return nil
	}
	whole, unread, err := readAll(ctx, r, live)
	if err != nil || unread > 0 { // nobody knows what is in those
		return err
	}
	parts, _, err := readAll(ctx, r, spare)
	if err != nil {
		return err
	}
	have := map[lake.Position]bool{}
	for _, one := range whole {
		for _, p := range one.positions {
			have[p] = true
		}
	}
	slices.SortFunc(parts, func(a, b contents) int { return mostEvents(&a, &b) })
	for _, one := range parts {
		if len(one.positions) == 0 || slices.ContainsFunc(one.positions, func(p lake.Position) bool { return have[p] }) {
			continue
		}
		for _, p := range one.positions {
			have[p] = true
		}
		c.parts = append(c.parts, one.file)
		c.found += one.file.Events
	}
	slices.SortFunc(c.parts, func(a, b lake.File) int {
		return cmp.Or(a.Span.To.Compare(b.Span.To), a.Span.After.Compare(b.Span.After), cmp.Compare(a.Key, b.Key))
	})
	c.whole = c.found == c.events && sameTimes(c.parts, c.lost)
	return nil
}

// readAll reads the files that can be read; unread is how many cannot.
func readAll(ctx context.Context, r *fileReader, files []found) (out []contents, unread int, err error) {
	for _, f := range files {
		one, err := r.read(ctx, f, false)
		switch {
		case errors.Is(err, lake.ErrCorrupt) || errors.Is(err, lake.ErrNotFound):
			unread++
		case err != nil:
			return nil, 0, err
		default:
			one.claims, one.books = nil, nil
			out = append(out, one)
		}
	}
	return out, unread, nil
}

// sameTimes reports whether the files hold events of the same times: what the
// ledger knows of a lost file beside their number.
func sameTimes(a, b []lake.File) bool {
	times := func(files []lake.File) [3]lake.Instant {
		t := [3]lake.Instant{files[0].MinTime, files[0].MaxTime, files[0].Received}
		for _, f := range files[1:] {
			t = [3]lake.Instant{min(t[0], f.MinTime), max(t[1], f.MaxTime), max(t[2], f.Received)}
		}
		return t
	}
	return len(a) > 0 && times(a) == times(b)
}

// repairFiles names the parts of whole covers in the ledger again, in the place
// of what was lost. What is left of a lost file is kept beside as *.damaged.
func repairFiles(ctx context.Context, cfg config.Config, log *slog.Logger, tell func(string)) (err error) {
	l, err := openLedger(ctx, cfg, log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, l.Close()) }()
	journal, err := l.Journal(ctx)
	if err != nil {
		return err
	}
	covers, err := findCovers(ctx, cfg, slices.Collect(journal.Files("")))
	if err != nil {
		return err
	}
	for _, c := range covers {
		if !c.whole {
			continue
		}
		if err := l.Commit(ctx, lake.Commit{Shard: c.lost[0].Shard, Add: c.parts, Remove: c.lost}); err != nil {
			return err
		}
		for _, f := range c.lost {
			tell(fmt.Sprintf("files: the events of %s are in files from before it was written; these count again", f.Key))
			if err := putAside(filepath.Join(cfg.Data, filepath.FromSlash(string(f.Key)))); err != nil {
				return err
			}
		}
	}
	return nil
}

// putAside takes a damaged file out of the way of one of its name; one that is
// missing is fine.
func putAside(path string) error {
	fsys := disk.OS{}
	if err := fsys.Rename(path, path+".damaged"); err != nil {
		if disk.IsNotExist(err) {
			return nil
		}
		return err
	}
	return fsys.SyncDir(filepath.Dir(path))
}
