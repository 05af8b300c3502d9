package raw

import (
	"context"
	"errors"
	"fmt"

	"golang.org/x/sync/errgroup"

	"github.com/eventlake/lake"
)

// Root is the first element of the keys of raw files.
const Root = "raw/"

// parallelWrites bounds the files that one flush writes at once: an fsync
// waits for the disk, so several in flight cost less than one after another.
const parallelWrites = 8

// Writer is the lake.Sink that writes raw files itself.
type Writer struct {
	gzip  *Compressor
	cache *Cache
}

// NewWriter returns a Writer. What it writes is also put into the cache (which
// may be nil) for the curate stage to read soon.
func NewWriter(gzip *Compressor, cache *Cache) *Writer { return &Writer{gzip, cache} }

// Write stores one file a partition and returns them, durable but not visible:
// they become data by the ledger's commit. The names follow from shard and
// span (Compressor.Create knows the exception), so a repeat writes the same
// files. The cache takes over the lines that it has room for.
func (w *Writer) Write(ctx context.Context, shard lake.ShardID, span lake.Span, parts []lake.Part) ([]lake.File, error) {
	files := make([]lake.File, len(parts))
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(parallelWrites)
	for i := range parts {
		p := &parts[i]
		g.Go(func() error {
			info, err := w.gzip.Create(ctx, fileKey(p.Partition, shard, span), p.Lines)
			files[i] = lake.File{
				Key: info.Key, Kind: lake.KindRaw, Partition: p.Partition, Shard: shard, Span: span,
				Events: p.Events, Bytes: info.Bytes, CRC: info.CRC,
				MinTime: p.MinTime, MaxTime: p.MaxTime, Received: p.Received,
			}
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	for i := range parts {
		if w.cache != nil && w.cache.put(files[i].Key, parts[i].Lines) {
			parts[i].Lines = nil // the cache has it now
		}
	}
	return files, nil
}

// fileKey names a raw file by its partition and span. Positions are padded so
// that names sort in log order.
func fileKey(p lake.Partition, shard lake.ShardID, s lake.Span) lake.Key {
	return lake.Key(Root + p.Dir() + "/" + SpanName("part", shard, s) + ".ndjson.gz")
}

// SpanName is the base name of what covers a span: prefix-shard-after-to.
func SpanName(prefix string, shard lake.ShardID, s lake.Span) string {
	return fmt.Sprintf("%s-%s-%012s-%012s", prefix, shard, s.After, s.To)
}

func isExists(err error) bool { return errors.Is(err, lake.ErrExists) }
