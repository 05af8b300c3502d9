// Package sweep injects a fault at every place of the whole pipeline, one run
// a place, and asserts that nothing was lost and nothing was doubled.
//
// A world is what survives a crash: the disk, the catalog, and the client with
// what it has not seen acknowledged. A life is one process over it.
package sweep

import (
	"context"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/collect"
	"github.com/eventlake/lake/curate"
	"github.com/eventlake/lake/ingest"
	"github.com/eventlake/lake/laketest/crashfs"
	"github.com/eventlake/lake/laketest/fault"
	"github.com/eventlake/lake/laketest/memory"
	"github.com/eventlake/lake/local/ledger"
	"github.com/eventlake/lake/local/store"
	"github.com/eventlake/lake/local/stream"
	"github.com/eventlake/lake/raw"
	"github.com/eventlake/lake/transform"
)

// start is the moment of every run; only its order matters.
const start = lake.Instant(1_767_225_600_000_000) // 2026-01-01

const ttl = 24 * time.Hour

// world is what a crash leaves.
type world struct {
	fs      *crashfs.FS
	catalog *memory.Catalog
	rng     *rand.Rand
	shards  int
	mutant  mutant
	seen    map[lake.ID]bool // of the mutant whose claims have no owner: durable at once
	now     atomic.Int64     // lake.Instant; the disk reads it from the parts' own goroutines

	posts []post
}

// post is one request of the client, sent again until it is acknowledged.
type post struct {
	body  string
	acked bool
}

func newWorld(seed uint64, shards int, bodies []string, m mutant) *world {
	w := &world{
		fs: crashfs.New(seed), catalog: memory.NewCatalog(), rng: rand.New(rand.NewPCG(seed, 7)),
		shards: shards, mutant: m, seen: map[lake.ID]bool{},
	}
	w.now.Store(int64(start))
	w.fs.SetClock(func() time.Time { return lake.Instant(w.now.Load()).Time() })
	for _, body := range bodies {
		w.posts = append(w.posts, post{body: body})
	}
	return w
}

// clock goes on by a millisecond whenever it is asked.
func (w *world) clock() lake.Instant {
	return lake.Instant(w.now.Add(int64(time.Millisecond / time.Microsecond)))
}

// die ends the machine, or only the process, and leaves what the next one finds.
func (w *world) die(onlyProcess bool) {
	if onlyProcess {
		w.fs = w.fs.Kill()
	} else {
		w.fs = w.fs.Crash()
	}
}

// live starts a process. Batches are cut at random sizes, so a restart never
// sees the spans of the life before. The life is there after an error too, for
// close.
func (w *world) live(ctx context.Context, g *fault.Gate) (l *life, err error) {
	l = &life{w: w, gate: g}
	if l.stream, err = stream.Open(ctx, w.fs, "data/stream", stream.Options{Shards: w.shards, SegmentBytes: 4096}); err != nil {
		return l, err
	}
	if l.raw, err = ledger.Open(ctx, w.fs, "data/ledger", ledger.Options{TTL: ttl, HotBytes: 1 << 20}); err != nil {
		return l, err
	}
	var full fault.FullLedger = l.raw
	var objects lake.Store = store.New(w.fs, "data")
	if w.mutant != nil {
		full, objects = w.mutant(w, full, objects)
	}
	l.ledger, l.store, l.catalog = fault.Ledger(g, full), fault.Store(g, objects), fault.Catalog(g, w.catalog)
	return l, l.assemble(ctx)
}

func (l *life) assemble(ctx context.Context) error {
	t, err := transform.New(transform.DefaultMapping())
	if err != nil {
		return err
	}
	l.sources = func(lake.SourceID) *transform.Transformer { return t }
	if l.gzip, err = raw.NewCompressor(l.store, 1); err != nil {
		return err
	}
	free := raw.NewMemory(1 << 20)
	cache := raw.NewCache(l.w.rng.IntN(2)*(1<<20), free)
	l.lines = raw.NewReader(l.store, nil)
	journal, err := l.raw.Journal(ctx)
	if err != nil {
		return err
	}
	names := ingest.NewNames(ingest.Caps{Types: 3, Subtypes: 2}, journal.Names())
	gated := fault.Stream(l.gate, l.stream)
	shards, err := l.stream.Shards(ctx)
	if err != nil {
		return err
	}
	for _, s := range shards {
		core := ingest.NewCore(s.ID, l.ledger, l.sources, names, raw.NewWriter(l.gzip, cache), l.gzip, free)
		l.workers = append(l.workers, ingest.NewWorker(core, gated, ingest.Options{
			FlushBytes: int64(1 + l.w.rng.IntN(4000)), FlushAge: time.Hour, ReadBytes: 1 + l.w.rng.IntN(2000), FirstFiles: 1 + l.w.rng.IntN(4),
		}))
	}
	if l.curator, err = curate.New(curate.Config{
		Backlog: l.ledger, Store: l.store, Catalog: l.catalog, Lines: raw.NewReader(l.store, cache),
		Clock: l.w.clock, LateAfter: ttl / 2, Limits: curate.Limits{CycleFiles: 1 + l.w.rng.IntN(4)},
	}); err != nil {
		return err
	}
	l.collect, err = collect.New(collect.Config{Stream: gated, Sources: l.sources, Clock: l.w.clock})
	return err
}
