package ledger

import (
	"context"
	"fmt"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/local/disk"
)

// Restorer builds a ledger from what the raw files and the stream say, beside
// a damaged one in the same directory. Until Finish returns the old one is
// untouched; Finish replaces it in one step. It is not safe for concurrent use.
type Restorer struct {
	l        *Ledger
	segment  uint64 // of the log that begins with the new ledger
	position map[*shard]uint64
	finished bool
}

// Restore begins to build a ledger. The directory may hold one, whole or
// damaged, that no process has open; keep a copy of it if it may be needed.
func Restore(ctx context.Context, fsys disk.FS, dir string, o Options) (*Restorer, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	fail := func(err error) (*Restorer, error) { return nil, fmt.Errorf("restore ledger %s: %w", dir, err) }
	if err := fsys.Mkdir(dir); err != nil {
		return fail(err)
	}
	ls, err := list(fsys, dir)
	if err != nil {
		return fail(err)
	}
	l := newLedger(fsys, dir, o)
	l.lastRun = ls.lastRun()
	return &Restorer{l: l, segment: ls.lastSegment() + 1, position: map[*shard]uint64{}}, nil
}

// AddFile makes a file live, with the claims of the events in it: their owners
// are records of the file's shard. Files come in commit order. Of two claims
// of one ID the first added wins, unless it has expired by the other's time.
func (r *Restorer) AddFile(f lake.File, claims []lake.Claim) error {
	if err := r.addFile(f, claims); err != nil {
		return fmt.Errorf("restore file %s: %w", f.Key, err)
	}
	return nil
}

func (r *Restorer) addFile(f lake.File, claims []lake.Claim) error {
	l := r.l
	if err := l.state.checkFiles(&record{Add: []lake.File{f}}); err != nil {
		return err
	}
	if err := l.claim(f.Shard, claims, make([]lake.Outcome, len(claims))); err != nil {
		return err
	}
	sh, err := l.state.shard(f.Shard)
	if err != nil {
		return err
	}
	// A vouched-for file is committed, whatever its position: nothing is tentative.
	sh.tentative = sh.tentative[:0]
	l.state.addFile(f)
	if int64(l.active.count) < l.hotClaims {
		return nil
	}
	return r.seal()
}

// seal moves the claims in memory into a run.
func (r *Restorer) seal() error {
	l := r.l
	all := make([]uint64, len(l.state.shards))
	for i := range all {
		all[i] = maxPosition
	}
	job := sealJob{table: l.active, view: &view{committed: all}, horizon: l.horizon()}
	l.lastRun++
	info, err := writeRun(l.fs, l.dir, l.lastRun, l.unpaced, job.claims)
	if err != nil || info.Claims == 0 {
		return err
	}
	sealed, err := openRun(l.fs, l.dir, l.lastRun)
	if err != nil {
		return err
	}
	l.state.forgot = max(l.state.forgot, job.horizon)
	l.runs = append(l.runs, sealed)
	l.state.runs = append(l.state.runs, info)
	l.active.clear()
	return nil
}

// AddTallies adds to the books.
func (r *Restorer) AddTallies(tallies []lake.Tally) {
	for _, t := range tallies {
		r.l.state.books.add(t)
	}
}

// AddNames admits names, in order.
func (r *Restorer) AddNames(names []lake.Name) {
	for _, n := range names {
		r.l.state.admit(n)
	}
}

// SetPosition says how far a shard is committed. ErrInvalid when it is not an
// ordinal.
func (r *Restorer) SetPosition(shard lake.ShardID, p lake.Position) error {
	n, err := ordinal(p)
	if err != nil {
		return fmt.Errorf("restore %s: %w", shard, err)
	}
	sh, err := r.l.state.shard(shard)
	if err != nil {
		return fmt.Errorf("restore: %w", err)
	}
	r.position[sh] = n // not yet the shard's: claims from before it would not be recorded
	return nil
}

// Forget says that files are missing whose events were received at or before
// the log time: what Ledger.Forgotten says then. ErrInvalid when the time lies
// outside 1970 to 2106.
func (r *Restorer) Forget(at lake.Instant) error {
	s, err := seconds(at)
	if err != nil {
		return fmt.Errorf("restore: %w", err)
	}
	r.l.state.forgot = max(r.l.state.forgot, s+1)
	return nil
}

// MarkCurated sets the curated mark.
func (r *Restorer) MarkCurated(mark map[lake.ShardID]lake.Position) { r.l.state.mark(mark) }

// Finish makes the new ledger the one that Open finds, durable, and drops the
// old one. A claim beyond its shard's position is kept: its owner comes again.
func (r *Restorer) Finish(ctx context.Context) error {
	if err := r.finish(ctx); err != nil {
		return fmt.Errorf("restore ledger %s: %w", r.l.dir, err)
	}
	return nil
}

func (r *Restorer) finish(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if r.finished {
		return fmt.Errorf("it is finished: %w", lake.ErrClosed)
	}
	if err := r.seal(); err != nil {
		return err
	}
	for sh, n := range r.position {
		sh.committed = n
	}
	v := r.l.state.view()
	head := v.head()
	head.Segment, head.Next, head.Rebuilt = r.segment, 1, true
	if _, err := writeSnapshot(r.l.fs, r.l.dir, head, v); err != nil {
		return disk.Full(err)
	}
	r.finished = true
	ls, err := list(r.l.fs, r.l.dir)
	if err != nil {
		return err
	}
	r.l.tidy(&ls, r.segment)
	return r.close()
}

// Abort gives up; what was written is removed when a ledger is opened there.
// After Finish it does nothing.
func (r *Restorer) Abort() error {
	if r.finished {
		return nil
	}
	r.finished = true
	return r.close()
}

func (r *Restorer) close() error {
	r.l.stop()
	return r.l.closeFiles()
}
