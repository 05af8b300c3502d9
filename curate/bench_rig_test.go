package curate_test

import (
	"bytes"
	"context"
	"io"
	"time"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/curate"
	"github.com/eventlake/lake/laketest/memory"
)

// benchRig is a backlog of one raw file whose lines are in memory, as the
// cache of just-written files hands them out.
type benchRig struct {
	lines  [][]byte
	marked bool
}

func (r *benchRig) config() curate.Config {
	return curate.Config{Backlog: r, Store: memory.NewStore(), Catalog: memory.NewCatalog(), Lines: r, LateAfter: time.Hour}
}

func (r *benchRig) Pending(context.Context) ([]lake.File, error) {
	if r.marked {
		return nil, nil
	}
	return []lake.File{{Key: "raw/x", Kind: lake.KindRaw, Shard: shard, Span: lake.Span{To: lake.Pos(uint64(len(r.lines)))},
		Events: int64(len(r.lines)), Partition: lake.Partition{Name: lake.Name{Type: "payment", Subtype: "made"}, Day: start.Day()}}}, nil
}

func (r *benchRig) Curated(context.Context) (map[lake.ShardID]lake.Position, error) { return nil, nil }

func (r *benchRig) MarkCurated(context.Context, map[lake.ShardID]lake.Position) error {
	r.marked = true
	return nil
}

type whole struct {
	*bytes.Reader
	lines []byte
}

func (w whole) Lines() []byte { return w.lines }
func (w whole) Close() error  { return nil }

func (r *benchRig) Open(context.Context, lake.File) (io.ReadCloser, error) {
	all := bytes.Join(r.lines, nil)
	return whole{bytes.NewReader(all), all}, nil
}
