package ledger

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/eventlake/lake"
)

// hintDoctor goes with damage that opening finds.
const hintDoctor = "run lake doctor: it shows what is damaged and can rebuild the ledger from the raw files"

// recover brings the ledger to what its last process left: snapshot, then the
// log behind it, then the runs. It changes the disk only when all was read.
func (l *Ledger) recover(ctx context.Context) error {
	if err := l.fs.Mkdir(l.dir); err != nil {
		return err
	}
	// The names that are there may owe their existence to a killed process.
	if err := errors.Join(l.fs.SyncDir(filepath.Dir(l.dir)), l.fs.SyncDir(l.dir)); err != nil {
		return err
	}
	ls, err := list(l.fs, l.dir)
	if err != nil {
		return err
	}
	head, err := l.readState(&ls)
	if err != nil {
		return err
	}
	l.lastRun = ls.lastRun()
	log, err := l.replay(ctx, &ls, head)
	if err != nil {
		return err
	}
	for _, info := range l.state.runs {
		r, err := openRun(l.fs, l.dir, info.Number)
		if err != nil {
			return doctor(err)
		}
		l.runs = append(l.runs, r)
		if r.info != info {
			return doctor(fmt.Errorf("run %d is another than the ledger's: %w", info.Number, lake.ErrCorrupt))
		}
		l.seen = max(l.seen, info.MaxTime)
	}
	if err := l.openLog(&ls, head, log); err != nil {
		return err
	}
	l.tidy(&ls, head.Segment)
	return nil
}

// doctor gives damage its hint.
func doctor(err error) error {
	if errors.Is(err, lake.ErrCorrupt) && lake.Hint(err) == "" {
		return &lake.Hinted{Kind: lake.ErrCorrupt, What: strings.TrimSuffix(err.Error(), ": "+lake.ErrCorrupt.Error()), Hint: hintDoctor}
	}
	return err
}

// readState reads the snapshot; without one the log must begin at its
// beginning.
func (l *Ledger) readState(ls *listing) (head snapshot, err error) {
	if ls.snapshot {
		head, l.state, l.snapshotBytes, err = readSnapshot(l.fs, l.dir)
		if err != nil {
			return head, doctor(fmt.Errorf("snapshot: %w", err))
		}
		return head, nil
	}
	if len(ls.runs) > 0 && len(ls.segments) == 0 || len(ls.segments) > 0 && ls.segments[0] != 1 {
		return head, doctor(fmt.Errorf("the snapshot is missing: %w", lake.ErrCorrupt))
	}
	return snapshot{Segment: 1, Next: 1, Rebuilt: true}, nil
}

// logEnd is what replaying found at the end of the log.
type logEnd struct {
	number  uint64 // of the last segment; 0 when there is none
	last    []byte // the last frame, nil when none was replayed
	settled bool   // all that is in the last segment is durable for certain
}

// replay applies the log behind the snapshot.
func (l *Ledger) replay(ctx context.Context, ls *listing, head snapshot) (end logEnd, err error) {
	l.next = head.Next
	i, _ := slices.BinarySearch(ls.segments, head.Segment)
	segments := ls.segments[i:]
	if len(segments) == 0 && !head.Rebuilt {
		return end, doctor(fmt.Errorf("log segment %d is missing: %w", head.Segment, lake.ErrCorrupt))
	}
	for i, n := range segments {
		if err := ctx.Err(); err != nil {
			return end, err
		}
		if want := head.Segment + uint64(i); n != want {
			return end, doctor(fmt.Errorf("log segment %d is missing: %w", want, lake.ErrCorrupt))
		}
		fresh := 0
		next, torn, err := readSegment(l.fs, l.dir, n, i == len(segments)-1, l.follows,
			func(_ uint64, payload, whole []byte) error {
				fresh++
				end.last = append(end.last[:0], whole...)
				return l.replayRecord(payload)
			})
		if err != nil {
			where := filepath.Base(segmentPath(l.dir, n))
			if i > 0 { // a gap between two is damage of the first
				where = filepath.Base(segmentPath(l.dir, n-1)) + ", " + where
			}
			return end, doctor(fmt.Errorf("%s: %w", where, err))
		}
		l.next = max(l.next, next)
		l.tail += ls.sizes[segmentPath(l.dir, n)]
		end.number, end.settled = n, !torn && fresh == 0
	}
	return end, nil
}

// follows refuses a segment that does not follow what was replayed.
func (l *Ledger) follows(first uint64) (uint64, error) {
	if first > l.next {
		return 0, fmt.Errorf("it begins at frame %d, but the log before ends at frame %d: %w", first, l.next-1, lake.ErrCorrupt)
	}
	return l.next, nil
}

func (l *Ledger) replayRecord(payload []byte) error {
	r, claims, err := parseRecord(payload)
	if err != nil {
		return err
	}
	if err := l.state.check(&r); err != nil {
		return fmt.Errorf("it does not follow from the one before: %w: %w", err, lake.ErrCorrupt)
	}
	if err := l.state.apply(&r); err != nil {
		return err
	}
	var e entry
	for ; len(claims) > 0; claims = claims[entrySize:] {
		e.get(claims)
		if int(e.owner.shard()) >= len(l.state.shards) || e.owner.position() == 0 {
			return fmt.Errorf("claim %s of shard number %d: %w", joinID(e.hi, e.lo), e.owner.shard(), lake.ErrCorrupt)
		}
		l.active.put(&e)
		l.seen = max(l.seen, e.time)
	}
	return nil
}

// openLog opens the log for appending. The last frame may be one whose fsync
// failed or never came, and be readable all the same: it is copied into a new
// segment, durable before anything can build on it.
func (l *Ledger) openLog(ls *listing, head snapshot, end logEnd) (err error) {
	switch {
	case end.number == 0:
		l.segment, err = createSegment(l.fs, l.dir, head.Segment, l.next, nil)
	case end.settled:
		path := segmentPath(l.dir, end.number)
		l.segment, err = openSegment(l.fs, l.dir, end.number, ls.sizes[path])
		l.tail -= ls.sizes[path]
	case end.last == nil:
		l.segment, err = createSegment(l.fs, l.dir, end.number+1, l.next, nil)
	default:
		l.segment, err = createSegment(l.fs, l.dir, end.number+1, l.next-1, end.last)
	}
	if err != nil {
		return fmt.Errorf("begin a log segment: %w", err)
	}
	return nil
}

// tidy removes what nothing refers to: what a process that died was making or
// had replaced. What cannot be removed stays until the next time.
func (l *Ledger) tidy(ls *listing, first uint64) {
	paths := make([]string, 0, len(ls.temps))
	for _, name := range ls.temps {
		paths = append(paths, filepath.Join(l.dir, name))
	}
	for _, n := range ls.segments {
		if n < first {
			paths = append(paths, segmentPath(l.dir, n))
		}
	}
	for _, n := range ls.runs {
		if !slices.ContainsFunc(l.state.runs, func(r runInfo) bool { return r.Number == n }) {
			paths = append(paths, runPath(l.dir, n))
		}
	}
	for _, p := range paths {
		if err := l.fs.Remove(p); err != nil {
			l.log.Warn("ledger: cannot remove a leftover file", "path", p, "error", err)
		}
	}
}
