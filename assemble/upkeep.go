package assemble

import (
	"context"
	"encoding/json"
	"sync"
	"time"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/admin"
	"github.com/eventlake/lake/config"
	"github.com/eventlake/lake/curate"
	"github.com/eventlake/lake/quarantine"
	"github.com/eventlake/lake/raw"
)

// upkeep is the work that keeps a lake small and quick: merging raw files,
// compacting tables, expiring snapshots, trimming the stream, deleting what
// nobody names. One at a time, so that it takes at most about one core.
type upkeep struct {
	mu       sync.Mutex   // held while files are merged, compacted, rebuilt or deleted
	readers  sync.RWMutex // held for reading by what reads files that it has listed before; nothing is deleted meanwhile
	statusMu sync.Mutex   // guards what follows
	last     Upkeep
	steps    [upkeepSteps]stepCount
}

// upkeepStep is one kind of upkeep in the background.
type upkeepStep int

const (
	mergeStep upkeepStep = iota
	compactStep
	tidyStep
	upkeepSteps
)

func (s upkeepStep) String() string { return [...]string{"merge_raw", "compact", "tidy"}[s] }

// stepCount counts what the background has done since the start.
type stepCount struct {
	runs, failures int64
	success        lake.Instant // when the step last ended well; 0: never
}

// busy reports whether mu is held now.
func (u *upkeep) busy() bool {
	if u.mu.TryLock() {
		u.mu.Unlock()
		return false
	}
	return true
}

// alone keeps everything else that mu and readers are for away until release is
// called; ok is false when there is something now.
func (u *upkeep) alone() (release func(), ok bool) {
	if !u.mu.TryLock() {
		return nil, false
	}
	if !u.readers.TryLock() {
		u.mu.Unlock()
		return nil, false
	}
	return func() { u.readers.Unlock(); u.mu.Unlock() }, true
}

func (u *upkeep) state() (Upkeep, [upkeepSteps]stepCount) {
	u.statusMu.Lock()
	defer u.statusMu.Unlock()
	return u.last, u.steps
}

// Upkeep is what upkeep did since the lake was started.
type Upkeep struct {
	LastCompaction   time.Time `json:"last_compaction,omitzero"`
	CompactedFiles   int       `json:"compacted_files"`
	MergedRawFiles   int       `json:"merged_raw_files"`
	SweptFiles       int       `json:"swept_files"`
	ExpiredSnapshots int       `json:"expired_snapshots"`
	LastError        string    `json:"last_error,omitempty"`
}

// sweepGrace is how long an unused object stays for readers that began before.
const sweepGrace = 10 * time.Minute

// runUpkeep does the upkeep in turns until the context ends. A failure is
// logged and shown by status; the next turn tries again.
func (l *Local) runUpkeep(ctx context.Context) error {
	merge := time.NewTicker(l.Config.Raw.MergeInterval)
	defer merge.Stop()
	compact := time.NewTicker(l.Config.Curate.CompactInterval)
	defer compact.Stop()
	tidy := time.NewTicker(max(time.Minute, l.Config.Curate.KeepSnapshots/10))
	defer tidy.Stop()
	for {
		var step upkeepStep
		var err error
		select {
		case <-ctx.Done():
			return nil
		case <-merge.C:
			if l.upkeep.busy() {
				continue // with a rebuild, which may last: tidying goes on
			}
			step, err = mergeStep, l.MergeRaw(ctx)
		case <-compact.C:
			if l.upkeep.busy() {
				continue
			}
			step = compactStep
			_, err = l.Compact(ctx, CompactArgs{})
		case <-tidy.C:
			step, err = tidyStep, l.Tidy(ctx)
		}
		if ctx.Err() != nil {
			return nil
		}
		l.ran(step, err)
	}
}

// ran counts a step that has ended.
func (l *Local) ran(step upkeepStep, err error) {
	u := &l.upkeep
	u.statusMu.Lock()
	defer u.statusMu.Unlock()
	c := &u.steps[step]
	c.runs++
	if err == nil {
		c.success = l.Clock()
		return
	}
	c.failures++
	l.Log.Warn("upkeep failed and will try again", "step", step.String(), "error", err)
	u.last.LastError = step.String() + ": " + err.Error()
}

func (l *Local) note(change func(*Upkeep)) {
	l.upkeep.statusMu.Lock()
	defer l.upkeep.statusMu.Unlock()
	change(&l.upkeep.last)
}

// MergeRaw merges small raw files that are in their tables.
func (l *Local) MergeRaw(ctx context.Context) error {
	l.upkeep.mu.Lock()
	defer l.upkeep.mu.Unlock()
	curated, err := l.Ledger.Curated(ctx)
	if err != nil {
		return err
	}
	merged, err := raw.Merge(ctx, l.Ledger, l.Store, curated, raw.MergeOptions{
		Files: l.Config.Raw.MergeFiles, Bytes: int64(l.Config.Raw.MergeSize),
	})
	l.note(func(u *Upkeep) { u.MergedRawFiles += merged.From })
	return err
}

// CompactArgs choose what Compact works on.
type CompactArgs struct {
	Table lake.TableName `json:"table,omitempty"` // empty: all
	Full  bool           `json:"full,omitempty"`  // also days with few small files
}

// Compact merges the small Parquet files of tables.
func (l *Local) Compact(ctx context.Context, args CompactArgs) (curate.CompactReport, error) {
	l.upkeep.mu.Lock()
	defer l.upkeep.mu.Unlock()
	report, err := l.Curator.Compact(ctx, curate.CompactOptions{Table: args.Table, Full: args.Full})
	if report.Removed > 0 {
		l.note(func(u *Upkeep) {
			u.CompactedFiles += report.Removed
			u.LastCompaction = time.Now().UTC()
		})
	}
	return report, err
}

// Tidy trims the stream, expires snapshots and deletes what nobody names. While
// a rebuild writes files that no commit names yet, or something reads what it
// listed before, however long, only the stream is trimmed: the rest waits for
// the next time.
func (l *Local) Tidy(ctx context.Context) error {
	journal, err := l.Ledger.Journal(ctx)
	if err != nil {
		return err
	}
	if _, err := l.Stream.Trim(ctx, journal.Positions()); err != nil {
		return err
	}
	release, ok := l.upkeep.alone()
	if !ok {
		return nil
	}
	defer release()
	tables, err := l.Catalog.Tables(ctx)
	if err != nil {
		return err
	}
	for _, name := range tables {
		if err := l.maintain(ctx, name); err != nil {
			return err
		}
	}
	if err := l.sweep(ctx, sweepGrace, nil); err != nil {
		return err
	}
	for _, root := range []lake.Key{raw.Root, quarantine.Root, "tables/"} {
		n, err := l.Store.CleanTemp(ctx, root, sweepGrace)
		l.note(func(u *Upkeep) { u.SweptFiles += n })
		if err != nil {
			return err
		}
	}
	return nil
}

func (l *Local) sweep(ctx context.Context, grace time.Duration, ended raw.Again) error {
	swept, err := l.sweeper.Sweep(ctx, grace, ended, raw.Root, quarantine.Root)
	l.note(func(u *Upkeep) { u.SweptFiles += swept })
	return err
}

// sweepStill sweeps while no event is taken in. What a killed process wrote and
// did not commit goes, so that whoever reads raw files with other tools counts
// no event twice: it is written anew from the stream. With a grace of 0 merged
// files go too. While something reads what it listed before, or makes files that
// no commit names yet, nothing is deleted.
func (l *Local) sweepStill(ctx context.Context, grace time.Duration) error {
	release, ok := l.upkeep.alone()
	if !ok {
		return nil
	}
	defer release()
	shards, err := l.Stream.Shards(ctx)
	if err != nil {
		return err
	}
	return l.sweep(ctx, grace, raw.InStream(shards))
}

// tablePatience is how long Tidy waits for a table that is being written.
const tablePatience = 10 * time.Second

// maintain expires snapshots of a table and deletes what nobody names, while
// nothing writes to it: what a curate cycle has written and not committed yet is
// named by nobody either, and however old when the cycle is slow or the clock
// jumps. A table that is being written for long is left to the next time.
func (l *Local) maintain(ctx context.Context, name lake.TableName) error {
	waiting, cancel := context.WithTimeout(ctx, tablePatience)
	defer cancel()
	release, err := l.Curator.Exclusive(waiting, name)
	if err != nil {
		return ctx.Err()
	}
	defer release()
	m, err := l.Catalog.Maintain(ctx, name, keepSnapshots(l.Config))
	if err != nil {
		return err
	}
	l.note(func(u *Upkeep) { u.ExpiredSnapshots += m.Snapshots; u.SweptFiles += m.Files })
	return nil
}

// keepSnapshots is never less than a statement takes that began with one.
func keepSnapshots(cfg config.Config) time.Duration {
	return max(cfg.Curate.KeepSnapshots, cfg.Query.Timeout+time.Minute)
}

// reading makes an operation one of upkeep's readers.
func reading(u *upkeep, do admin.Op) admin.Op {
	return func(ctx context.Context, in json.RawMessage, emit func(any)) (any, error) {
		u.readers.RLock()
		defer u.readers.RUnlock()
		return do(ctx, in, emit)
	}
}
