// Package ledger is the embedded ledger: the truth about what the lake has
// taken in, in a directory of its own.
//
// Every commit is one frame of an append-only log, written and synced at once:
// that fsync is the commit point. Claims are 32 bytes: 128 bits of ID, the
// owner's shard and position, a fingerprint and the log time. The young ones
// are in an open-addressing table in memory (46 to 60 bytes each); when it is
// full they are sealed into a sorted run on disk (33 bytes each, with 1.3
// bytes of filter and index in memory), a snapshot of everything else is
// written, and the log before it goes. Runs are merged and expire in the
// background. Opening reads the snapshot, the filters and the log's tail.
//
// The directory belongs to one process; the data directory's lock sees to it.
package ledger

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/local/disk"
)

// Ledger is the embedded lake.Ledger and lake.Backlog. It is safe for
// concurrent use. After a failed write it stops itself: every call returns
// ErrClosed, and opening it again finds out what is true.
type Ledger struct {
	fs        disk.FS
	dir       string
	ttl       uint64 // seconds
	hotClaims int64  // sealing begins when a table holds so many
	options   Options
	log       *slog.Logger

	// commitMu is held from the check of a commit to its effect. It comes
	// before mu.
	commitMu sync.Mutex
	segment  *segment
	next     uint64 // sequence number of the next frame
	buf      []byte // of the frame being written

	mu            sync.Mutex
	state         *state
	active        *table       // claims since the last sealing
	sealing       *table       // claims on their way into a run; nil when there are none
	spare         *table       // an empty table that keeps its memory
	replaced      map[id]entry // committed claims that expired and have heirs in the active table
	runs          []*run       // as state.runs
	lastRun       uint64       // the highest run number used
	seen          uint32       // the latest log time of any claim
	snapshotBytes int64
	tail          int64 // bytes of the log behind the snapshot, without the last segment
	markDirty     bool  // the curated mark moved since the last commit
	broken        error // why every call fails
	scratch       *scratch

	job     *sealJob // guarded by commitMu
	pacer   *rate.Limiter
	ctx     context.Context // ends when the ledger closes
	stop    context.CancelFunc
	workers sync.WaitGroup
	merging chan struct{} // asks the merger to look
}

var (
	_ lake.Ledger  = (*Ledger)(nil)
	_ lake.Backlog = (*Ledger)(nil)
)

// Open opens the ledger in the directory, which is made when it is not there,
// and recovers what its last process left. ErrCorrupt with a hint when stored
// bytes are damaged: then nothing was changed.
func Open(ctx context.Context, fsys disk.FS, dir string, o Options) (*Ledger, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	l := newLedger(fsys, dir, o)
	if err := l.recover(ctx); err != nil {
		l.stop()
		return nil, fmt.Errorf("open ledger %s: %w", dir, errors.Join(err, l.closeFiles()))
	}
	if !l.options.inline {
		l.workers.Go(l.mergeLoop)
	}
	l.commitMu.Lock()
	l.sealIfDue()
	l.commitMu.Unlock()
	if l.options.inline {
		l.mergeAll()
	}
	return l, nil
}

func newLedger(fsys disk.FS, dir string, o Options) *Ledger {
	o = o.withDefaults()
	l := &Ledger{
		fs: fsys, dir: dir, options: o, log: o.Logger,
		ttl: uint64((o.TTL + time.Second - 1) / time.Second),
		// Two tables share HotBytes, each at its emptiest after a cell grew.
		hotClaims: max(o.HotBytes/2/59, 1),
		state:     newState(),
		active:    newTable(tableSeed()),
		replaced:  map[id]entry{},
		merging:   make(chan struct{}, 1),
		scratch:   &scratch{},
	}
	if o.MergeRate > 0 {
		l.pacer = rate.NewLimiter(rate.Limit(o.MergeRate), writeBuffer+2*blockSize)
	}
	l.ctx, l.stop = context.WithCancel(context.Background())
	return l
}

// pace waits until so many bytes may be written by a merge.
func (l *Ledger) pace(bytes int) error {
	for bytes > 0 && l.pacer != nil {
		n := min(bytes, l.pacer.Burst())
		if err := l.pacer.WaitN(l.ctx, n); err != nil {
			return err
		}
		bytes -= n
	}
	return l.ctx.Err()
}

// Position implements lake.Ledger.
func (l *Ledger) Position(ctx context.Context, shard lake.ShardID) (lake.Position, error) {
	if err := ctx.Err(); err != nil {
		return lake.Position{}, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.broken != nil {
		return lake.Position{}, l.broken
	}
	sh := l.state.byName[shard]
	if sh == nil {
		return lake.Position{}, nil
	}
	return lake.Pos(sh.committed), nil
}

// Journal implements lake.Ledger. It costs some microseconds and no copy of
// the files.
func (l *Ledger) Journal(ctx context.Context) (lake.Journal, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.broken != nil {
		return nil, l.broken
	}
	return l.state.view(), nil
}

// fail stops the ledger for ever, because nobody knows what is on the disk:
// every call fails from now on.
func (l *Ledger) fail(cause error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.broken == nil {
		l.broken = lake.Errorf(lake.ErrClosed,
			"start the lake again: the ledger recovers from its log; if this repeats, check the disk",
			"the ledger stopped itself: %s", cause)
		l.log.Error("ledger stopped", "error", cause)
	}
}

// isFull reports whether an error is lake.ErrFull, which passes by itself.
func isFull(err error) bool { return errors.Is(err, lake.ErrFull) }

// Close keeps the curated mark, when it moved, and closes the files. Sealing
// and merging are broken off; Open takes them up again. A second Close is
// nothing.
func (l *Ledger) Close() error {
	l.commitMu.Lock()
	l.stop() // no commit begins sealing from here on
	l.commitMu.Unlock()
	l.workers.Wait()
	l.commitMu.Lock()
	defer l.commitMu.Unlock()
	l.mu.Lock()
	broken, dirty := l.broken, l.markDirty
	l.mu.Unlock()
	if broken != nil {
		return l.closeFiles()
	}
	var err error
	if dirty {
		if err = l.commit(&record{}, nil); err != nil {
			err = fmt.Errorf("close ledger: keep the curated mark: %w", err)
		}
	}
	l.mu.Lock()
	l.broken = fmt.Errorf("ledger: %w", lake.ErrClosed)
	l.mu.Unlock()
	return errors.Join(err, l.closeFiles())
}

// closeFiles closes what is open. Nobody else uses the ledger any more.
func (l *Ledger) closeFiles() (err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.segment != nil {
		err = l.segment.file.Close()
		l.segment = nil
	}
	for _, r := range l.runs {
		err = errors.Join(err, r.file.Close())
	}
	l.runs = nil
	return err
}
