package stream

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/local/disk"
)

// Stream is an open stream. Its methods may be called concurrently.
type Stream struct {
	fsys    disk.FS
	dir     string
	options Options
	log     *slog.Logger
	meta    meta
	salt    uint32
	shards  []*shard
	names   names
	buffers buffers
	calls   sync.Pool // *call

	queued atomic.Int64 // encoded bytes that wait for their sync
	bytes  atomic.Int64 // of all segments

	failure atomic.Pointer[error] // why the stream stopped itself
	failed  chan struct{}

	space     space
	closeOnce sync.Once
	closeErr  error
	closed    chan struct{}
	writers   sync.WaitGroup

	trimming  sync.Mutex
	consumers consumers
	ends      ends
}

var _ lake.Stream = (*Stream)(nil)

// Open opens the stream in a directory, making it when there is none, and
// recovers it from a crash. One process at a time may have it open (disk.Lock).
// Errors: lake.ErrCorrupt when stored bytes are damaged, lake.ErrFull when there
// is no room for recovery, lake.ErrInvalid for options or an unknown version.
func Open(ctx context.Context, fsys disk.FS, dir string, o Options) (_ *Stream, err error) {
	o, err = o.withDefaults()
	if err != nil {
		return nil, err
	}
	s := &Stream{fsys: fsys, dir: dir, options: o, log: o.Logger, failed: make(chan struct{}), closed: make(chan struct{})}
	defer func() {
		if err != nil {
			err = fmt.Errorf("open stream: %w", disk.Full(err))
			for _, sh := range s.shards {
				if sh.file != nil {
					err = errors.Join(err, sh.file.Close())
				}
			}
		}
	}()
	if err := disk.MkdirDurable(fsys, filepath.Join(dir, consumersName)); err != nil {
		return nil, err
	}
	if err := s.openMeta(); err != nil {
		return nil, err
	}
	s.salt = saltCRC(s.meta.Salt)
	for n := range s.meta.Shards {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		sh := s.newShard(n)
		s.shards = append(s.shards, sh)
		if err := sh.open(); err != nil {
			return nil, fmt.Errorf("%s: %w", sh.id, err)
		}
	}
	if err := s.openConsumers(); err != nil {
		return nil, err
	}
	if err := s.openEnds(); err != nil {
		return nil, err
	}
	for _, sh := range s.shards {
		s.writers.Go(sh.run)
	}
	return s, nil
}

// openMeta reads the meta file, or makes the stream when there is none.
func (s *Stream) openMeta() error {
	m, err := readMeta(s.fsys, s.dir)
	if err == nil {
		if s.options.Shards != m.Shards && s.options.Shards != DefaultShards {
			s.log.Warn("the number of shards is fixed when a stream is made", "shards", m.Shards, "configured", s.options.Shards)
		}
		s.meta = m
		return removeTemporary(s.fsys, s.dir)
	}
	if !disk.IsNotExist(err) {
		return err
	}
	if err := s.refuseWithoutMeta(); err != nil {
		return err
	}
	if m, err = newMeta(s.options.Shards); err != nil {
		return err
	}
	// The shards come first: with a meta file every shard has a segment, and one
	// that has none was lost.
	for n := range m.Shards {
		dir := filepath.Join(s.dir, shardName(n))
		if err := s.fsys.Mkdir(dir); err != nil {
			return err
		}
		if err := s.fsys.SyncDir(s.dir); err != nil { // it may be there since a crash
			return err
		}
		h := header{shard: n, first: 1, salt: m.Salt}
		if err := createSegment(s.fsys, segmentPath(dir, 1), h, nil); err != nil {
			return err
		}
	}
	s.meta = m
	return writeJSON(s.fsys, filepath.Join(s.dir, metaName), m)
}

// refuseWithoutMeta returns lake.ErrCorrupt when there are records but no meta
// file. What a crash leaves of making the stream is fine.
func (s *Stream) refuseWithoutMeta() error {
	shards, err := s.fsys.ReadDir(s.dir)
	if err != nil {
		return err
	}
	for _, sh := range shards {
		if sh.Name == endsName {
			return lake.Errorf(lake.ErrCorrupt, metaHint, "%s is missing but %s is there", filepath.Join(s.dir, metaName), endsName)
		}
		if !sh.Dir || !strings.HasPrefix(sh.Name, shardPrefix) {
			continue
		}
		dir := filepath.Join(s.dir, sh.Name)
		entries, err := s.fsys.ReadDir(dir)
		if err != nil {
			return err
		}
		for _, e := range entries {
			first, ok := segmentFirst(e.Name)
			if ok && (first != 1 || e.Size > headerSize) {
				return lake.Errorf(lake.ErrCorrupt, metaHint, "%s is missing but %s has segments", filepath.Join(s.dir, metaName), dir)
			}
		}
	}
	return nil
}

func (s *Stream) newShard(n int) *shard {
	return &shard{
		stream: s,
		id:     lake.ShardID(shardName(n)),
		number: n,
		dir:    filepath.Join(s.dir, shardName(n)),
		queue:  queue{wake: make(chan struct{}, 1)},
		cache:  cache{limit: int(s.options.CacheBytes) / s.meta.Shards, buffers: &s.buffers},
	}
}

// Shards implements lake.Stream.
func (s *Stream) Shards(context.Context) ([]lake.Shard, error) {
	out := make([]lake.Shard, len(s.shards))
	for i, sh := range s.shards {
		sh.mu.RLock()
		out[i] = lake.Shard{ID: sh.id, Trimmed: lake.Pos(sh.trimmed), Last: lake.Pos(sh.next - 1)}
		sh.mu.RUnlock()
	}
	return out, nil
}

// shard finds a shard by its name.
func (s *Stream) shard(id lake.ShardID) (*shard, error) {
	for _, sh := range s.shards {
		if sh.id == id {
			return sh, nil
		}
	}
	return nil, lake.Errorf(lake.ErrNotFound, "", "shard %q", string(id))
}

// Err returns why the stream stopped itself, an error that is lake.ErrClosed
// with a hint; nil while it works.
func (s *Stream) Err() error {
	if p := s.failure.Load(); p != nil {
		return *p
	}
	return nil
}

// Failed is closed when the stream stops itself after a failed write or fsync.
// The process should then end: only a new start knows what is durable.
func (s *Stream) Failed() <-chan struct{} { return s.failed }

var errClosed = lake.Errorf(lake.ErrClosed, "", "the stream")

// Close stores what waits, stops the writers, notes where the log ends and
// closes the files. Appends, reads and waits fail with lake.ErrClosed afterwards. It may be called again.
func (s *Stream) Close() error {
	s.closeOnce.Do(func() {
		for _, sh := range s.shards {
			sh.queue.close()
		}
		s.writers.Wait()
		s.noteClosed()
		close(s.closed)
		for _, sh := range s.shards {
			s.closeErr = errors.Join(s.closeErr, sh.file.Close())
			sh.mu.Lock()
			sh.notify()
			sh.cache.drop(len(sh.cache.frames))
			sh.mu.Unlock()
		}
	})
	return s.closeErr
}

// Wait implements lake.Stream. It returns lake.ErrClosed when the stream is
// closed or has stopped itself.
func (s *Stream) Wait(ctx context.Context, id lake.ShardID, after lake.Position) error {
	sh, err := s.shard(id)
	if err != nil {
		return err
	}
	n, err := ordinal(after)
	if err != nil {
		return err
	}
	for {
		changed := sh.wait(n)
		if changed == nil {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		case <-s.failed:
			return s.Err()
		case <-s.closed:
			return errClosed
		}
	}
}

// ordinal reads a position of this kind of stream.
func ordinal(p lake.Position) (uint64, error) {
	n, ok := p.Uint64()
	if !ok {
		return 0, lake.Errorf(lake.ErrInvalid, "", "position %s is not one of the embedded stream", p)
	}
	return n, nil
}

// removeTemporary removes what a crash left of files that were never whole.
func removeTemporary(fsys disk.FS, dir string) error {
	entries, err := fsys.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if len(e.Name) > len(disk.TempPrefix) && e.Name[:len(disk.TempPrefix)] == disk.TempPrefix && !e.Dir {
			if err := fsys.Remove(filepath.Join(dir, e.Name)); err != nil {
				return err
			}
		}
	}
	return nil
}
