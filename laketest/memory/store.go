package memory

import (
	"bytes"
	"context"
	"fmt"
	"hash/crc32"
	"io"
	"iter"
	"slices"
	"strings"
	"sync"

	"github.com/eventlake/lake"
)

// Store is a lake.Store in memory. It takes every relative key.
type Store struct {
	mu      sync.Mutex
	clock   lake.Clock
	objects map[lake.Key]object
}

var _ lake.Store = (*Store)(nil)

type object struct {
	data []byte
	info lake.Info
}

// NewStore makes an empty store.
func NewStore() *Store {
	return &Store{clock: lake.SystemClock, objects: map[lake.Key]object{}}
}

// Create implements lake.Store.
func (s *Store) Create(ctx context.Context, key lake.Key, write func(io.Writer) error) (lake.Info, error) {
	if err := ctx.Err(); err != nil {
		return lake.Info{}, err
	}
	if err := valid(key); err != nil {
		return lake.Info{}, fmt.Errorf("create: %w", err)
	}
	var b bytes.Buffer
	if err := write(&b); err != nil {
		return lake.Info{}, fmt.Errorf("create %s: %w", key, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if old, ok := s.objects[key]; ok {
		if !bytes.Equal(old.data, b.Bytes()) {
			return lake.Info{}, fmt.Errorf("create %s: %w", key, lake.ErrExists)
		}
		return old.info, nil
	}
	o := object{b.Bytes(), lake.Info{
		Key: key, Bytes: int64(b.Len()), Time: s.clock(),
		CRC: crc32.Checksum(b.Bytes(), crc32.MakeTable(crc32.Castagnoli)),
	}}
	s.objects[key] = o
	return o.info, nil
}

// Open implements lake.Store.
func (s *Store) Open(ctx context.Context, key lake.Key) (lake.Object, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if err := valid(key); err != nil {
		return nil, fmt.Errorf("open: %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	o, ok := s.objects[key]
	if !ok {
		return nil, fmt.Errorf("open %s: %w", key, lake.ErrNotFound)
	}
	return reading{bytes.NewReader(o.data)}, nil
}

// List implements lake.Store.
func (s *Store) List(ctx context.Context, prefix lake.Key) iter.Seq2[lake.Info, error] {
	return func(yield func(lake.Info, error) bool) {
		for _, info := range s.snapshot(prefix) {
			if err := ctx.Err(); err != nil {
				yield(lake.Info{}, err)
				return
			}
			if !yield(info, nil) {
				return
			}
		}
	}
}

func (s *Store) snapshot(prefix lake.Key) []lake.Info {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []lake.Info
	for k, o := range s.objects {
		if strings.HasPrefix(string(k), string(prefix)) {
			out = append(out, lake.Info{Key: k, Bytes: o.info.Bytes, Time: o.info.Time})
		}
	}
	slices.SortFunc(out, func(a, b lake.Info) int { return strings.Compare(string(a.Key), string(b.Key)) })
	return out
}

// Delete implements lake.Store.
func (s *Store) Delete(ctx context.Context, key lake.Key) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := valid(key); err != nil {
		return fmt.Errorf("delete: %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.objects, key)
	return nil
}

// valid refuses what no store can keep, whatever it keeps objects in.
func valid(key lake.Key) error {
	for e := range strings.SplitSeq(string(key), "/") {
		if e == "" || e == "." || e == ".." || strings.ContainsAny(e, "\\\x00\n") {
			return fmt.Errorf("key %q: %w", string(key), lake.ErrInvalid)
		}
	}
	return nil
}

// reading is an open object.
type reading struct{ *bytes.Reader }

func (r reading) Close() error { return nil }
func (r reading) Size() int64  { return r.Reader.Size() }
