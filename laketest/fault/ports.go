package fault

import (
	"context"
	"io"
	"iter"
	"time"

	"github.com/eventlake/lake"
)

// Stream puts the gate in front of a stream.
func Stream(g *Gate, s lake.Stream) lake.Stream { return stream{g, s} }

type stream struct {
	g *Gate
	s lake.Stream
}

func (f stream) Append(ctx context.Context, events []lake.Event) error {
	return f.g.do("stream.Append", func() error { return f.s.Append(ctx, events) })
}

func (f stream) Shards(ctx context.Context) (out []lake.Shard, err error) {
	err = f.g.do("stream.Shards", func() error { out, err = f.s.Shards(ctx); return err })
	return out, err
}

func (f stream) Read(ctx context.Context, shard lake.ShardID, after lake.Position, max int, b *lake.Batch) error {
	return f.g.do("stream.Read", func() error { return f.s.Read(ctx, shard, after, max, b) })
}

func (f stream) Wait(ctx context.Context, shard lake.ShardID, after lake.Position) error {
	return f.s.Wait(ctx, shard, after) // has no effect, so a fault in it proves nothing
}

// FullLedger is a ledger that the curate stage can work from.
type FullLedger interface {
	lake.Ledger
	lake.Backlog
}

// Ledger puts the gate in front of a ledger.
func Ledger(g *Gate, l FullLedger) FullLedger { return ledger{g, l} }

type ledger struct {
	g *Gate
	l FullLedger
}

func (f ledger) Claim(ctx context.Context, shard lake.ShardID, claims []lake.Claim, out []lake.Outcome) error {
	return f.g.do("ledger.Claim", func() error { return f.l.Claim(ctx, shard, claims, out) })
}

func (f ledger) Position(ctx context.Context, shard lake.ShardID) (p lake.Position, err error) {
	err = f.g.do("ledger.Position", func() error { p, err = f.l.Position(ctx, shard); return err })
	return p, err
}

func (f ledger) Commit(ctx context.Context, c lake.Commit) error {
	return f.g.do("ledger.Commit", func() error { return f.l.Commit(ctx, c) })
}

func (f ledger) Journal(ctx context.Context) (j lake.Journal, err error) {
	err = f.g.do("ledger.Journal", func() error { j, err = f.l.Journal(ctx); return err })
	return j, err
}

func (f ledger) Pending(ctx context.Context) (out []lake.File, err error) {
	err = f.g.do("backlog.Pending", func() error { out, err = f.l.Pending(ctx); return err })
	return out, err
}

func (f ledger) Curated(ctx context.Context) (out map[lake.ShardID]lake.Position, err error) {
	err = f.g.do("backlog.Curated", func() error { out, err = f.l.Curated(ctx); return err })
	return out, err
}

func (f ledger) MarkCurated(ctx context.Context, mark map[lake.ShardID]lake.Position) error {
	return f.g.do("backlog.MarkCurated", func() error { return f.l.MarkCurated(ctx, mark) })
}

// Store puts the gate in front of a store.
func Store(g *Gate, s lake.Store) lake.Store { return store{g, s} }

type store struct {
	g *Gate
	s lake.Store
}

func (f store) Create(ctx context.Context, key lake.Key, write func(io.Writer) error) (info lake.Info, err error) {
	err = f.g.do("store.Create "+string(key), func() error { info, err = f.s.Create(ctx, key, write); return err })
	return info, err
}

func (f store) Open(ctx context.Context, key lake.Key) (o lake.Object, err error) {
	after, err := f.g.enter("store.Open " + string(key))
	if err != nil {
		return nil, err
	}
	if o, err = f.s.Open(ctx, key); err == nil && after {
		return nil, closeAfter(o)
	}
	return o, err
}

func closeAfter(o lake.Object) error {
	if err := o.Close(); err != nil {
		return err
	}
	return ErrInjected
}

func (f store) List(ctx context.Context, prefix lake.Key) iter.Seq2[lake.Info, error] {
	return func(yield func(lake.Info, error) bool) {
		if err := f.g.do("store.List", func() error { return nil }); err != nil {
			yield(lake.Info{}, err)
			return
		}
		f.s.List(ctx, prefix)(yield)
	}
}

func (f store) Delete(ctx context.Context, key lake.Key) error {
	return f.g.do("store.Delete "+string(key), func() error { return f.s.Delete(ctx, key) })
}

// Catalog puts the gate in front of a catalog.
func Catalog(g *Gate, c lake.Catalog) lake.Catalog { return catalog{g, c} }

type catalog struct {
	g *Gate
	c lake.Catalog
}

func (f catalog) Tables(ctx context.Context) (out []lake.TableName, err error) {
	err = f.g.do("catalog.Tables", func() error { out, err = f.c.Tables(ctx); return err })
	return out, err
}

func (f catalog) Table(ctx context.Context, name lake.TableName) (t lake.Table, err error) {
	err = f.g.do("catalog.Table", func() error { t, err = f.c.Table(ctx, name); return err })
	return t, err
}

func (f catalog) Commit(ctx context.Context, c lake.TableCommit) (t lake.Table, err error) {
	err = f.g.do("catalog.Commit", func() error { t, err = f.c.Commit(ctx, c); return err })
	return t, err
}

func (f catalog) Maintain(ctx context.Context, name lake.TableName, keep time.Duration) (m lake.Maintenance, err error) {
	err = f.g.do("catalog.Maintain", func() error { m, err = f.c.Maintain(ctx, name, keep); return err })
	return m, err
}
