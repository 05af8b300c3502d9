package curate_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"time"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/curate"
	"github.com/eventlake/lake/laketest/memory"
)

// benchRig is a backlog of one raw file whose lines are in memory, as the
// cache of just-written files hands them out. The file comes again and again,
// each time as that of another shard.
type benchRig struct {
	all    []byte
	events int64
	round  int
	marked bool
}

func newBenchRig(lines [][]byte) *benchRig {
	return &benchRig{all: bytes.Join(lines, nil), events: int64(len(lines)), marked: true}
}

func (r *benchRig) again() {
	r.round++
	r.marked = false
}

func (r *benchRig) config() curate.Config {
	return curate.Config{Backlog: r, Store: memory.NewStore(), Catalog: memory.NewCatalog(), Lines: r, LateAfter: time.Hour}
}

func (r *benchRig) Pending(context.Context) ([]lake.File, error) {
	if r.marked {
		return nil, nil
	}
	return []lake.File{{Key: "raw/x", Kind: lake.KindRaw, Shard: lake.ShardID(fmt.Sprint("round-", r.round)),
		Span: lake.Span{To: lake.Pos(uint64(r.events))}, Events: r.events, Partition: lake.Partition{Name: lake.Name{Type: "payment", Subtype: "made"}, Day: start.Day()}}}, nil
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
	return whole{bytes.NewReader(r.all), r.all}, nil
}
