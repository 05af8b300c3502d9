package raw

import (
	"context"
	"fmt"
	"io"
	"path"
	"strings"
	"sync"

	"github.com/klauspost/compress/gzip"
	"github.com/zeebo/xxh3"

	"github.com/eventlake/lake"
)

// Compressor writes NDJSON as gzip objects. Its output is a pure function of
// the bytes and the level. Safe for many goroutines.
type Compressor struct {
	store   lake.Store
	level   int
	shared  bool
	writers sync.Pool
}

// NewSharedCompressor is NewCompressor for a store in which other processes
// write too. An object that is in the way may be one that another process has
// committed: one that had the span before, by other settings, or has taken it
// over. So it stays, and what is written gets a name beside it.
func NewSharedCompressor(store lake.Store, level int) (*Compressor, error) {
	c, err := NewCompressor(store, level)
	if err == nil {
		c.shared = true
	}
	return c, err
}

// NewCompressor returns a Compressor for gzip level 1 (fastest) to 9, in a
// store that no other process writes to.
func NewCompressor(store lake.Store, level int) (*Compressor, error) {
	if _, err := gzip.NewWriterLevel(io.Discard, level); err != nil {
		return nil, lake.Errorf(lake.ErrInvalid, "use 1 (fastest) to 9 (smallest)", "gzip level %d", level)
	}
	return &Compressor{store: store, level: level}, nil
}

// Create stores the lines as one gzip member and returns the object with its
// key. The same lines again are the same object. An object of that key with
// other bytes is replaced: the caller names only objects that no commit names
// yet, so it is the leftover of a try that a crash ended. In a shared store
// nobody can know that: there the new object has another key, which tells its
// bytes.
func (c *Compressor) Create(ctx context.Context, key lake.Key, lines []byte) (lake.Info, error) {
	write := func(w io.Writer) error { return c.zip(w, lines) }
	if !c.shared {
		return createOver(ctx, c.store, key, write)
	}
	info, err := c.store.Create(ctx, key, write)
	if isExists(err) {
		sum := xxh3.New()
		if err := write(sum); err != nil {
			return lake.Info{}, err
		}
		info, err = c.store.Create(ctx, beside(key, sum.Sum64()), write)
	}
	if err != nil {
		return lake.Info{}, fmt.Errorf("write %s: %w", key, err)
	}
	return info, nil
}

// beside names an object whose place is taken: its sum behind the first word
// of the name, where ParseKey has the prefix.
func beside(key lake.Key, sum uint64) lake.Key {
	dir, base := path.Split(string(key))
	word, rest, _ := strings.Cut(base, "-")
	return lake.Key(fmt.Sprintf("%s%s%016x-%s", dir, word, sum, rest))
}

func (c *Compressor) zip(w io.Writer, lines []byte) error {
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
