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
	writers sync.Pool
}

// NewCompressor returns a Compressor for gzip level 1 (fastest) to 9.
func NewCompressor(store lake.Store, level int) (*Compressor, error) {
	if _, err := gzip.NewWriterLevel(io.Discard, level); err != nil {
		return nil, lake.Errorf(lake.ErrInvalid, "use 1 (fastest) to 9 (smallest)", "gzip level %d", level)
	}
	return &Compressor{store: store, level: level}, nil
}

// Create stores the lines as one gzip member and returns the object with its
// key. The same lines again are the same object. An object of that key with
// other bytes is never replaced, as nobody can know that no commit names it:
// another process may have committed it, or on a file system that does not tell
// case apart it is that of another partition. Then the new object has another
// key, which tells its bytes; a leftover in the way is left to the Sweeper.
func (c *Compressor) Create(ctx context.Context, key lake.Key, lines []byte) (lake.Info, error) {
	write := func(w io.Writer) error { return c.zip(w, lines) }
	info, err := c.store.Create(ctx, key, write)
	if isExists(err) {
		sum := xxh3.New()
		if err := write(sum); err != nil {
			return lake.Info{}, err
		}
		info, err = c.store.Create(ctx, beside(key, sum.Sum64()), write)
	}
	return info, err
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
