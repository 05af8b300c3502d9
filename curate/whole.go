package curate

import (
	"context"

	"github.com/eventlake/lake"
)

// Whole reads a data file from its first to its last byte and compares size,
// checksum and rows: lake.ErrCorrupt when one differs.
func Whole(ctx context.Context, store lake.Store, f lake.DataFile) error {
	return withObject(ctx, store, f, func(obj lake.Object) error {
		_, err := openWhole(readAhead(ctx, obj), f, true)
		return err
	})
}

// aheadBytes is how much is read at once where a file is read in order: of a
// distant store every read is a request.
const aheadBytes = 4 << 20

// ahead is an object that reads in large blocks. It has one reader at a time.
type ahead struct {
	lake.Object
	ctx   context.Context // ends the reading of a store that does not look at its own
	block *block
}

func readAhead(ctx context.Context, obj lake.Object) ahead {
	return ahead{Object: obj, ctx: ctx, block: new(block)}
}

// block is a run of an object's bytes.
type block struct {
	at   int64
	data []byte
}

// ReadAt implements io.ReaderAt.
func (a ahead) ReadAt(p []byte, off int64) (int, error) {
	b := a.block
	if off < b.at || off+int64(len(p)) > b.at+int64(len(b.data)) {
		n := min(aheadBytes, a.Size()-off)
		if off < 0 || int64(len(p)) > n {
			return a.Object.ReadAt(p, off)
		}
		if err := a.ctx.Err(); err != nil {
			return 0, err
		}
		if int64(cap(b.data)) < n {
			b.data = make([]byte, n)
		}
		b.at, b.data = off, b.data[:n]
		if got, err := a.Object.ReadAt(b.data, off); int64(got) < n {
			b.data = b.data[:0]
			return 0, err
		}
	}
	return copy(p, b.data[off-b.at:]), nil
}
