package ledger

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/local/disk"
)

// sealJob moves the claims of one table into a run, writes the snapshot that
// goes with it, and deletes the log before both.
type sealJob struct {
	table    *table
	replaced map[id]entry
	view     *view // the state when the segment began
	head     snapshot
	covers   int64 // bytes of log that can go
	horizon  uint32
	done     chan struct{} // closed when it has ended
	err      error         // ErrFull: to be tried again; set before done
}

// retryAfter is how long sealing waits for room on the disk before it tries
// again. It does so by itself: when too many claims wait for it, claims are
// refused, and then no commit comes either.
const retryAfter = 10 * time.Second

// sealIfDue begins sealing when the claims in memory or the log have grown
// enough. When the sealing before has not ended, it waits: that keeps memory
// bounded. commitMu is held.
func (l *Ledger) sealIfDue() {
	if !l.sealDue() {
		return
	}
	if l.job != nil {
		if !l.sealEnded() {
			return
		}
		if !l.sealDue() {
			return
		}
	}
	if err := l.rotate(); err != nil {
		if isFull(err) {
			l.log.Warn("ledger: no room to seal claims", "error", err)
			return
		}
		// The commit is durable and answered as such; the ledger goes no further.
		l.fail(fmt.Errorf("begin a log segment: %w", err))
		return
	}
	l.startSeal()
}

func (l *Ledger) sealDue() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.broken != nil || l.ctx.Err() != nil {
		return false
	}
	return int64(l.active.count) >= l.hotClaims ||
		l.tail+l.segment.size.Load() >= max(l.options.SegmentBytes, 2*l.snapshotBytes)
}

// sealEnded waits for the job that runs and reports whether there is none any
// more: one that found no room stays. commitMu is held.
func (l *Ledger) sealEnded() bool {
	<-l.job.done
	if l.job.err == nil {
		l.job = nil
		return true
	}
	if l.options.inline && isFull(l.job.err) {
		l.sealAgain()
	}
	return false
}

// sealAgain starts the job again, which found no room. commitMu is held.
func (l *Ledger) sealAgain() {
	l.job.done, l.job.err = make(chan struct{}), nil
	l.startSeal()
}

// sealLater starts the job again when it is time to. Until then the job is the
// ledger's: no other begins before it has ended well.
func (l *Ledger) sealLater() {
	wait := time.NewTimer(retryAfter)
	defer wait.Stop()
	select {
	case <-l.ctx.Done():
		return
	case <-wait.C:
	}
	l.commitMu.Lock()
	defer l.commitMu.Unlock()
	if l.ctx.Err() == nil {
		l.sealAgain()
	}
}

// rotate ends the log's segment and takes the table away for sealing.
func (l *Ledger) rotate() error {
	next, err := createSegment(l.fs, l.dir, l.segment.number+1, l.next, nil)
	if err != nil {
		return disk.Full(err)
	}
	if err := l.segment.file.Close(); err != nil {
		return errors.Join(err, next.file.Close())
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.tail += l.segment.size.Load()
	l.segment = next
	v := l.state.view()
	head := v.head()
	head.Segment, head.Next, head.Last = next.number, l.next, l.state.last
	horizon := l.horizon()
	head.Forgot = max(head.Forgot, horizon)
	l.job = &sealJob{
		table: l.active, replaced: l.replaced, view: v, head: head, covers: l.tail,
		horizon: horizon, done: make(chan struct{}),
	}
	l.replaced = map[id]entry{}
	l.sealing = l.active
	l.active, l.spare = l.spare, nil
	if l.active == nil {
		l.active = newTable(l.sealing.seed)
	}
	// What is not committed does not belong into a run: it stays in memory.
	for _, sh := range l.state.shards {
		for i := range sh.tentative {
			l.active.put(&sh.tentative[i])
		}
	}
	return nil
}

func (l *Ledger) startSeal() {
	if l.options.inline {
		l.seal(l.job)
		return
	}
	job := l.job
	l.workers.Go(func() { l.seal(job) })
}

// seal runs a job to its end.
func (l *Ledger) seal(job *sealJob) {
	err := l.sealOnce(job)
	switch {
	case err == nil:
	case l.ctx.Err() != nil:
		// Closing: the log still holds it all.
	case isFull(err):
		l.log.Warn("ledger: no room to seal claims", "error", err, "retry_after", retryAfter)
	default:
		l.fail(fmt.Errorf("seal claims: %w", err))
	}
	job.err = err
	close(job.done)
	switch {
	case err == nil:
		l.wakeMerger()
	case isFull(err) && !l.options.inline:
		l.workers.Go(l.sealLater)
	}
}

func (l *Ledger) sealOnce(job *sealJob) error {
	began := time.Now()
	l.mu.Lock()
	l.lastRun++
	number := l.lastRun
	l.mu.Unlock()
	info, err := writeRun(l.fs, l.dir, number, l.unpaced, func(add func(*entry) error) error {
		return job.claims(add)
	})
	if err != nil {
		return fmt.Errorf("write run %d: %w", number, err)
	}
	var sealed *run
	head := job.head
	if info.Claims > 0 {
		if sealed, err = openRun(l.fs, l.dir, number); err != nil {
			return err
		}
		head.Runs = append(slices.Clone(head.Runs), info)
	}
	size, err := writeSnapshot(l.fs, l.dir, head, job.view)
	if err != nil {
		if sealed != nil {
			err = errors.Join(err, sealed.file.Close())
		}
		return fmt.Errorf("write snapshot: %w", disk.Full(err))
	}

	l.mu.Lock()
	if sealed != nil {
		l.runs = append(slices.Clip(l.runs), sealed)
		l.state.runs = append(slices.Clip(l.state.runs), info)
	}
	l.sealing = nil
	l.state.forgot = max(l.state.forgot, head.Forgot)
	l.snapshotBytes = size
	l.tail -= job.covers
	l.mu.Unlock()
	job.table.clear()
	l.mu.Lock()
	l.spare = job.table
	l.mu.Unlock()
	l.log.Info("ledger: sealed claims", "run", number, "claims", info.Claims, "bytes", info.Bytes,
		"snapshot_bytes", size, "took", time.Since(began))
	return l.dropLog(head.Segment)
}

// dropLog removes the segments before the one that the snapshot names.
func (l *Ledger) dropLog(before uint64) error {
	ls, err := list(l.fs, l.dir)
	if err != nil {
		return err
	}
	for _, n := range ls.segments {
		if n >= before {
			break
		}
		if err := l.fs.Remove(segmentPath(l.dir, n)); err != nil {
			// It is removed when the ledger is opened or sealed next.
			l.log.Warn("ledger: cannot remove an old log segment", "segment", n, "error", err)
		}
	}
	return nil
}

// unpaced is the pace of sealing, which commits may wait for: none.
func (l *Ledger) unpaced(int) error { return l.ctx.Err() }

// claims feeds the committed claims of the job's table, sorted by ID.
func (j *sealJob) claims(add func(*entry) error) error {
	var unsorted []entry
	var by sorter
	for c := range j.table.cells {
		unsorted = unsorted[:0]
		slots := j.table.cells[c].slots
		for i := range slots {
			e := slots[i]
			if e.owner != 0 && !j.committed(&e) {
				e = j.replaced[id{e.hi, e.lo}] // mostly none
			}
			if e.owner != 0 && e.time >= j.horizon {
				unsorted = append(unsorted, e)
			}
		}
		sorted := by.id(unsorted)
		for i := range sorted {
			if err := add(&sorted[i]); err != nil {
				return err
			}
		}
	}
	return nil
}

func (j *sealJob) committed(e *entry) bool {
	n := int(e.owner.shard())
	return n < len(j.view.committed) && e.owner.position() <= j.view.committed[n]
}

// wakeMerger makes the merger look at the runs.
func (l *Ledger) wakeMerger() {
	if l.options.inline {
		return // the caller holds commitMu, which merging needs
	}
	select {
	case l.merging <- struct{}{}:
	default: // it will look anyway
	}
}

// mergeLoop merges runs until the ledger closes.
func (l *Ledger) mergeLoop() {
	for {
		if !l.mergeAll() {
			return
		}
		select {
		case <-l.ctx.Done():
			return
		case <-l.merging:
		}
	}
}

// mergeAll merges what is due and reports whether merging can go on later.
func (l *Ledger) mergeAll() bool {
	for {
		more, err := l.mergeOnce()
		switch {
		case err == nil && more:
		case err == nil:
			return true
		case l.ctx.Err() != nil || errors.Is(err, lake.ErrClosed):
			return false
		case isFull(err):
			l.log.Warn("ledger: no room to merge runs", "error", err)
			return true
		case errors.Is(err, lake.ErrCorrupt):
			l.log.Error("ledger: runs cannot be merged", "error", err, "hint", lake.Hint(err))
			return false
		default:
			l.fail(err)
			return false
		}
	}
}
