package stream

import (
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/local/disk"
)

// run is the writer: it stores one group after the other until the queue is
// closed and empty.
func (sh *shard) run() {
	patient := time.NewTimer(0)
	defer patient.Stop()
	for {
		g, wait, closed := sh.queue.take()
		switch {
		case g != nil:
			size := len(g.buf) - frameHeaderSize
			g.err = sh.commit(g)
			sh.stream.space.note(g.err, size)
			sh.stream.queued.Add(int64(-size))
			close(g.done)
		case closed:
			return
		case wait > 0:
			patient.Reset(wait)
			select {
			case <-sh.queue.wake:
			case <-patient.C:
			}
		default:
			<-sh.queue.wake
		}
	}
}

// commit is the commit point of Append: one frame, one write, one fsync. After
// an error the group's records have no position; when the disk was full the shard
// goes on, after any other error the whole stream stops.
func (sh *shard) commit(g *group) error {
	s := sh.stream
	if err := s.Err(); err != nil {
		return err
	}
	size := int64(len(g.buf))
	active := sh.writing()
	if active.size > headerSize && active.size+size > s.options.SegmentBytes {
		if err := sh.roll(); err != nil {
			return err
		}
		active = sh.writing()
	}
	f := frame{kind: kindRecords, count: uint64(g.count), first: sh.next, time: g.time, length: len(g.buf) - frameHeaderSize}
	sealFrame(g.buf, f, s.salt)

	start := time.Now()
	if n, err := sh.file.Write(g.buf); err != nil || n < len(g.buf) {
		if err == nil {
			err = io.ErrShortWrite
		}
		return sh.undo(active, err)
	}
	if err := sh.file.Sync(); err != nil {
		return s.fail(fmt.Errorf("sync %s: %w", active.path, err))
	}
	took := time.Since(start)
	s.bytes.Add(size)
	sh.publish(f, g, took)
	g.buf, g.gists = nil, nil // the cache has them now
	if s.options.OnSync != nil {
		s.options.OnSync(took, int(f.count), int(size))
	}
	return nil
}

// writing is the segment being written. Only the writer changes it.
func (sh *shard) writing() *segment {
	sh.mu.RLock()
	defer sh.mu.RUnlock()
	return sh.active()
}

// undo takes back a write that failed. Only a full disk is something to go on
// from: nothing was synced, so nothing is in doubt once the file is cut back.
func (sh *shard) undo(active *segment, err error) error {
	err = fmt.Errorf("write %s: %w", active.path, err)
	full := disk.Full(err)
	if !errors.Is(full, lake.ErrFull) {
		return sh.stream.fail(err)
	}
	if err := sh.file.Truncate(active.size); err != nil {
		return sh.stream.fail(fmt.Errorf("cut %s back to %d bytes: %w", active.path, active.size, err))
	}
	sh.mu.Lock()
	sh.counts.Full++
	sh.mu.Unlock()
	return full
}

// roll begins a new segment.
func (sh *shard) roll() error {
	s := sh.stream
	old := sh.writing()
	g := &segment{
		header: header{shard: sh.number, first: sh.next, prev: old.first, salt: s.meta.Salt, time: sh.time},
		path:   segmentPath(sh.dir, sh.next),
		size:   headerSize,
	}
	if err := createSegment(s.fsys, g.path, g.header, nil); err != nil {
		err = fmt.Errorf("begin segment %s: %w", g.path, err)
		// While the new file is not there the old one may go on.
		if full := disk.Full(err); errors.Is(full, lake.ErrFull) && !exists(s.fsys, g.path) {
			return full
		}
		return s.fail(err)
	}
	f, err := s.fsys.Append(g.path)
	if err != nil {
		return s.fail(err)
	}
	if err := sh.file.Close(); err != nil {
		s.log.Warn("close segment", "path", old.path, "err", err)
	}
	sh.file = f
	s.bytes.Add(headerSize)
	s.noteSegment(sh, g.first)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	sh.segments = append(sh.segments, g)
	return nil
}

// exists reports whether a file is there, or may be.
func exists(fsys disk.FS, path string) bool {
	f, err := fsys.Open(path)
	if err != nil {
		return !disk.IsNotExist(err)
	}
	_ = f.Close() // opened for a look only
	return true
}

// fail stops the stream: after a failed write or fsync nobody knows what is on
// the disk, and only reading it again tells. The first error is kept.
func (s *Stream) fail(err error) error {
	stopped := lake.Errorf(lake.ErrClosed, "check the disk (dmesg, smartctl), then start the lake again: it reads back what is durable",
		"the stream stopped itself: %v", err)
	if s.failure.CompareAndSwap(nil, &stopped) {
		s.log.Error("stream stopped", "err", err)
		close(s.failed)
	}
	return *s.failure.Load()
}
