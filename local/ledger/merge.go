package ledger

import (
	"errors"
	"fmt"

	"github.com/eventlake/lake"
)

// Runs are merged in tiers: mergeWidth neighbours of about one size become
// one. Neighbours only, so that the list stays ordered by age and a younger
// claim hides an older one of the same ID.
const (
	mergeWidth = 4
	// maxRuns is when the smallest neighbours are merged whatever their sizes.
	maxRuns = 24
)

// tier is the run's size in powers of mergeWidth, in units of base claims.
func tier(claims, base int64) (t int) {
	for n := claims / max(base, 1); n >= mergeWidth-1; n /= mergeWidth {
		t++
	}
	return t
}

// pickMerge chooses neighbours to merge, oldest first: from and to bound them
// in the list, to excluded; equal when nothing needs merging. Runs that
// together cover more than span seconds of log time stay apart, so that they
// can expire one by one.
func pickMerge(runs []runInfo, base int64, span uint64) (from, to int) {
	for i := len(runs) - mergeWidth; i >= 0; i-- {
		same := true
		for j := i + 1; j < i+mergeWidth; j++ {
			same = same && tier(runs[j].Claims, base) == tier(runs[i].Claims, base)
		}
		if same && timeSpan(runs[i:i+mergeWidth]) <= span {
			return i, i + mergeWidth
		}
	}
	if len(runs) <= maxRuns {
		return 0, 0
	}
	best := 0
	for i := 1; i+1 < len(runs); i++ {
		if runs[i].Claims+runs[i+1].Claims < runs[best].Claims+runs[best+1].Claims {
			best = i
		}
	}
	return best, best + 2
}

func timeSpan(runs []runInfo) uint64 {
	first, last := runs[0].MinTime, runs[0].MaxTime
	for _, r := range runs {
		first, last = min(first, r.MinTime), max(last, r.MaxTime)
	}
	return uint64(last - first)
}

// mergeClaims feeds the claims of runs, given oldest first, sorted by ID and
// each ID once, the youngest, to add; claims from before horizon are left out.
func mergeClaims(runs []*run, horizon uint32, add func(*entry) error) error {
	readers := make([]*runReader, len(runs))
	for i, r := range runs {
		readers[i] = &runReader{run: r, buf: make([]byte, blockSize)}
		if err := readers[i].next(); err != nil {
			return err
		}
	}
	for {
		var least *runReader
		for _, r := range readers {
			// Of equal IDs the later run's wins: it is younger.
			if !r.done && (least == nil || !least.head.less(&r.head)) {
				least = r
			}
		}
		if least == nil {
			return nil
		}
		e := least.head
		for _, r := range readers {
			if !r.done && r.head.sameID(&e) {
				if err := r.next(); err != nil {
					return err
				}
			}
		}
		if e.time < horizon {
			continue
		}
		if err := add(&e); err != nil {
			return err
		}
	}
}

// runReader reads a run from its beginning.
type runReader struct {
	run   *run
	buf   []byte
	block int // the next to read
	count int // claims in buf
	at    int // the next of them
	head  entry
	done  bool
}

// next moves to the next claim, or to done.
func (r *runReader) next() (err error) {
	if r.at == r.count {
		if r.block == len(r.run.index) {
			r.done = true
			return nil
		}
		if r.count, err = r.run.readBlock(r.buf, r.block); err != nil {
			return err
		}
		r.block++
		r.at = 0
	}
	r.head.get(r.buf[r.at*entrySize:])
	r.at++
	return nil
}

// mergeOnce does one step of housekeeping on the runs: it drops those that
// have expired and merges one group. more says that it did something.
func (l *Ledger) mergeOnce() (more bool, err error) {
	l.mu.Lock()
	horizon := l.horizon()
	expired := 0
	for expired < len(l.runs) && l.runs[expired].info.MaxTime < horizon {
		expired++
	}
	from, to := 0, expired
	if expired == 0 {
		from, to = pickMerge(l.state.runs, l.hotClaims, l.ttl/mergeWidth)
	}
	group := append([]*run(nil), l.runs[from:to]...)
	number := l.lastRun + 1
	if expired == 0 && len(group) > 0 {
		l.lastRun = number
	}
	l.mu.Unlock()
	if len(group) == 0 {
		return false, nil
	}
	edit := &runEdit{}
	for _, r := range group {
		edit.Remove = append(edit.Remove, r.info.Number)
	}
	if expired == 0 {
		info, err := writeRun(l.fs, l.dir, number, l.pace, func(add func(*entry) error) error {
			return mergeClaims(group, horizon, add)
		})
		if err != nil {
			return false, fmt.Errorf("merge runs %d: %w", edit.Remove, err)
		}
		if info.Claims > 0 {
			edit.Add = []runInfo{info}
		}
	}
	return true, l.publish(edit, horizon, group)
}

// publish replaces runs by some without claims from before horizon: first in the log, which makes it true, then in memory,
// then it removes the files.
func (l *Ledger) publish(edit *runEdit, horizon uint32, old []*run) error {
	var fresh []*run
	for _, info := range edit.Add {
		r, err := openRun(l.fs, l.dir, info.Number)
		if err != nil {
			return err
		}
		fresh = append(fresh, r)
	}
	l.commitMu.Lock()
	defer l.commitMu.Unlock()
	err := l.commit(&record{Runs: edit, Forgot: horizon}, func() {
		at := 0
		for l.runs[at] != old[0] {
			at++
		}
		rest := l.runs[at+len(old):]
		l.runs = append(append(append([]*run(nil), l.runs[:at]...), fresh...), rest...)
	})
	if err != nil {
		for _, r := range fresh {
			err = errors.Join(err, r.file.Close())
		}
		return err
	}
	for _, r := range old {
		if err := errors.Join(r.file.Close(), l.fs.Remove(runPath(l.dir, r.info.Number))); err != nil {
			// It is removed when the ledger is opened next.
			l.log.Warn("ledger: cannot remove a merged run", "run", r.info.Number, "error", err)
		}
	}
	return nil
}

// Forgotten is the log time before which claims may be gone, in whole seconds:
// what was received then may come again and be Owned. It follows from the latest
// log time of any shard and the lifetime that was set when claims were dropped,
// so it can lie later than a shard that lags, or a lifetime set since, would let
// one think. It never goes back; 0: nothing was forgotten.
func (l *Ledger) Forgotten() lake.Instant {
	l.mu.Lock()
	defer l.mu.Unlock()
	return lake.Instant(l.state.forgot) * 1_000_000
}

// horizon is the log time in seconds before which claims can no longer decide
// anything. It keeps a day more than the lifetime, for shards that lag.
func (l *Ledger) horizon() uint32 {
	const lag = 24 * 60 * 60
	if keep := l.ttl + lag; uint64(l.seen) > keep {
		return uint32(uint64(l.seen) - keep)
	}
	return 0
}
