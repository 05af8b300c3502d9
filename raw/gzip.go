package raw

import (
	"context"
	"fmt"
	"io"
	"sync"

	"github.com/klauspost/compress/gzip"

	"github.com/eventlake/lake"
)

// Compressor writes NDJSON as gzip objects. Its output is a pure function of
// the bytes and the level. Safe for many goroutines.
type Compressor struct {
	store   lake.Store
	level   int
	writers sync.Pool
}

// NewCompressor returns a Compressor for gzip level 1 (fastest) to 9.
func NewCompressor(store lake.Store, level int) (*Compressor, error) {
	if _, err := gzip.NewWriterLevel(io.Discard, level); err != nil {
		return nil, lake.Errorf(lake.ErrInvalid, "use 1 (fastest) to 9 (smallest)", "gzip level %d", level)
	}
	return &Compressor{store: store, level: level}, nil
}

// Create stores the lines as one gzip member under the key. An object of that
// key with other bytes is replaced: the caller names only objects that no
// commit names yet, so it is the leftover of a try that a crash ended.
func (c *Compressor) Create(ctx context.Context, key lake.Key, lines []byte) (lake.Info, error) {
	write := func(w io.Writer) error {
		zw, _ := c.writers.Get().(*gzip.Writer)
		if zw == nil {
			var err error
			if zw, err = gzip.NewWriterLevel(w, c.level); err != nil {
				return err
			}
		}
		defer c.writers.Put(zw)
		zw.Reset(w)
		if _, err := zw.Write(lines); err != nil {
			return err
		}
		return zw.Close()
	}
	return createOver(ctx, c.store, key, write)
}

// createOver is Store.Create for a key that only an uncommitted leftover can
// occupy.
func createOver(ctx context.Context, store lake.Store, key lake.Key, write func(io.Writer) error) (lake.Info, error) {
	info, err := store.Create(ctx, key, write)
	if isExists(err) {
		if err := store.Delete(ctx, key); err != nil {
			return lake.Info{}, fmt.Errorf("replace leftover %s: %w", key, err)
		}
		info, err = store.Create(ctx, key, write)
	}
	if err != nil {
		return lake.Info{}, fmt.Errorf("write %s: %w", key, err)
	}
	return info, nil
}
