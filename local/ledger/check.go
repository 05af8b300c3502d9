package ledger

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/local/disk"
)

// Problem is one damage that Check found.
type Problem struct {
	Path string // of the file, or of the directory when a file is missing
	Err  error  // ErrCorrupt, or why the file could not be read
}

// Check reads everything in a ledger's directory, checks every checksum and
// that the parts fit each other, and reports each problem. It changes nothing.
// Beside a process that has the ledger open, which replaces files, it may
// report files that have just gone. The error is why checking could not go on.
func Check(ctx context.Context, fsys disk.FS, dir string, report func(Problem)) error {
	c := checker{ctx: ctx, fs: fsys, dir: dir, report: report}
	if err := c.check(); err != nil {
		return fmt.Errorf("check ledger %s: %w", dir, err)
	}
	return nil
}

type checker struct {
	ctx    context.Context
	fs     disk.FS
	dir    string
	report func(Problem)
	state  *state
	next   uint64 // the log's next frame
	broken bool   // the log or the snapshot: what follows cannot be judged
}

func (c *checker) problem(path string, err error) { c.report(Problem{path, doctor(err)}) }

func (c *checker) check() error {
	ls, err := list(c.fs, c.dir)
	if err != nil {
		return err
	}
	c.state, c.next = newState(), 1
	head := snapshot{Segment: 1, Rebuilt: true}
	switch {
	case ls.snapshot:
		var s *state
		if head, s, _, err = readSnapshot(c.fs, c.dir); err != nil {
			c.problem(filepath.Join(c.dir, snapshotName), err)
			c.broken = true
			if len(ls.segments) > 0 {
				head.Segment = ls.segments[0]
			}
		} else {
			c.state, c.next = s, head.Next
		}
	case len(ls.segments) > 0 && ls.segments[0] != 1 || len(ls.segments) == 0 && len(ls.runs) > 0:
		c.problem(c.dir, fmt.Errorf("the snapshot is missing: %w", lake.ErrCorrupt))
		c.broken = true
		if len(ls.segments) > 0 {
			head.Segment = ls.segments[0]
		}
	}
	if err := c.log(&ls, head); err != nil {
		return err
	}
	return c.runs(&ls)
}

// log checks the segments, and follows the state through them while it can.
func (c *checker) log(ls *listing, head snapshot) error {
	want := head.Segment
	for i, n := range ls.segments {
		if err := c.ctx.Err(); err != nil {
			return err
		}
		if n < head.Segment {
			continue // left over
		}
		if n != want {
			c.problem(c.dir, fmt.Errorf("log segment %d is missing: %w", want, lake.ErrCorrupt))
			c.broken = true
		}
		want = n + 1
		next, _, err := readSegment(c.fs, c.dir, n, i == len(ls.segments)-1, c.follows, c.frame)
		if err != nil {
			c.problem(segmentPath(c.dir, n), err)
			c.broken = true
			continue
		}
		c.next = max(c.next, next)
	}
	if want == head.Segment && !head.Rebuilt {
		c.problem(c.dir, fmt.Errorf("log segment %d is missing: %w", want, lake.ErrCorrupt))
	}
	return nil
}

func (c *checker) follows(first uint64) (uint64, error) {
	if first > c.next && !c.broken {
		return 0, fmt.Errorf("it begins at frame %d, but the log before ends at frame %d: %w", first, c.next-1, lake.ErrCorrupt)
	}
	return c.next, nil
}

func (c *checker) frame(_ uint64, payload, _ []byte) error {
	r, _, err := parseRecord(payload)
	if err != nil || c.broken {
		return err
	}
	if err := c.state.check(&r); err != nil {
		return fmt.Errorf("it does not follow from the one before: %w: %w", err, lake.ErrCorrupt)
	}
	return c.state.apply(&r)
}

// runs checks the runs that the ledger names; when that cannot be known, all
// that are there.
func (c *checker) runs(ls *listing) error {
	numbers := ls.runs
	if !c.broken {
		numbers = nil
		for _, info := range c.state.runs {
			numbers = append(numbers, info.Number)
		}
	}
	for _, n := range numbers {
		if err := c.ctx.Err(); err != nil {
			return err
		}
		if !slices.Contains(ls.runs, n) {
			c.problem(c.dir, fmt.Errorf("run %d is missing: %w", n, lake.ErrCorrupt))
			continue
		}
		if err := c.run(n); err != nil {
			c.problem(runPath(c.dir, n), err)
		}
	}
	return nil
}

func (c *checker) run(number uint64) (err error) {
	r, err := openRun(c.fs, c.dir, number)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.file.Close()) }()
	return r.verify(c.ctx)
}

// verify reads a whole run: every block, the order, the index and the filters.
func (r *run) verify(ctx context.Context) error {
	var claims int64
	var before, e entry
	for n := range r.index {
		if err := ctx.Err(); err != nil {
			return err
		}
		count, err := r.readBlock(r.block, n)
		if err != nil {
			return err
		}
		for i := range count {
			e.get(r.block[i*entrySize:])
			at := id{e.hi, e.lo}
			switch {
			case claims > 0 && !before.less(&e):
				return fmt.Errorf("block %d: claims out of order: %w", n, lake.ErrCorrupt)
			case i == 0 && at != r.index[n]:
				return fmt.Errorf("block %d: the index names another id: %w", n, lake.ErrCorrupt)
			case !r.filterOf(at).contains(filterKey(e.hi, e.lo)):
				return fmt.Errorf("block %d: the filter misses an id: %w", n, lake.ErrCorrupt)
			case e.time < r.info.MinTime || e.time > r.info.MaxTime:
				return fmt.Errorf("block %d: a log time outside the run's: %w", n, lake.ErrCorrupt)
			}
			before = e
			claims++
		}
	}
	if claims != r.info.Claims {
		return fmt.Errorf("%d claims instead of %d: %w", claims, r.info.Claims, lake.ErrCorrupt)
	}
	return nil
}
