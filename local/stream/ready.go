package stream

import (
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/local/disk"
)

// space remembers that the disk had none for an Append.
type space struct {
	short  atomic.Pointer[shortage] // nil: the last write found room
	mu     sync.Mutex
	probed time.Time // under mu
}

// shortage is a write that found no room.
type shortage struct {
	err   error
	bytes int
	at    time.Time
}

const (
	roomName   = disk.TempPrefix + "room"
	probeEvery = time.Second
	// maxProbe bounds what looking for room takes from a disk that has little.
	maxProbe = 64 << 10
)

// note takes down how a write of so many bytes went.
func (r *space) note(err error, bytes int) {
	if errors.Is(err, lake.ErrFull) {
		r.short.Store(&shortage{err, bytes, time.Now()})
	} else if err == nil && r.short.Load() != nil {
		r.short.Store(nil)
	}
}

// Ready returns why the next Append is likely to fail: what Err returns, or
// lake.ErrFull when the disk was full for the last one and is still. Who heeds it
// sends nothing meanwhile, so it tries itself whether there is room again, once a
// second at most. It is for health checks; Append does not ask.
func (s *Stream) Ready() error {
	if err := s.Err(); err != nil {
		return err
	}
	r := &s.space
	short := r.short.Load()
	if short == nil {
		return nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if now := time.Now(); now.Sub(short.at) >= probeEvery && now.Sub(r.probed) >= probeEvery {
		r.probed = now
		if s.probe(min(short.bytes, maxProbe)) == nil { // the error is the one of the Append, or says less
			r.short.CompareAndSwap(short, nil)
			return nil
		}
	}
	return short.err
}

// probe writes a file of so many bytes and removes it. A crash leaves it to the
// next Open.
func (s *Stream) probe(bytes int) error {
	path := filepath.Join(s.dir, roomName)
	f, err := s.fsys.Create(path)
	if err != nil {
		return fmt.Errorf("look for room: %w", err)
	}
	_, err = f.Write(make([]byte, bytes))
	if err == nil {
		err = f.Sync() // some file systems find out no earlier
	}
	return errors.Join(err, f.Close(), s.fsys.Remove(path))
}
