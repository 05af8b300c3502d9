// Package sweep injects a fault at every place of the whole pipeline, one run
// a place, and asserts that nothing was lost and nothing was doubled.
//
// A world is what survives a crash: the disk, the catalog, and the client with
// what it has not seen acknowledged. A life is one process over it.
package sweep

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strings"
	"time"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/audit"
	"github.com/eventlake/lake/collect"
	"github.com/eventlake/lake/curate"
	"github.com/eventlake/lake/ingest"
	"github.com/eventlake/lake/laketest/crashfs"
	"github.com/eventlake/lake/laketest/fault"
	"github.com/eventlake/lake/laketest/memory"
	"github.com/eventlake/lake/local/ledger"
	"github.com/eventlake/lake/local/store"
	"github.com/eventlake/lake/local/stream"
	"github.com/eventlake/lake/quarantine"
	"github.com/eventlake/lake/raw"
	"github.com/eventlake/lake/replay"
	"github.com/eventlake/lake/transform"
)

// start is the moment of every run; only its order matters.
const start = lake.Instant(1_767_225_600_000_000) // 2026-01-01

const ttl = 24 * time.Hour

// mutant makes the system wrong on purpose; see mutants_test.go.
type mutant struct {
	ledger func(*world, fault.FullLedger) fault.FullLedger
	store  func(*world, lake.Store) lake.Store
}

// world is what a crash leaves.
type world struct {
	fs      *crashfs.FS
	catalog *memory.Catalog
	rng     *rand.Rand
	shards  int
	mutant  mutant
	seen    map[lake.ID]bool // of the "seen" mutant: durable at once
	now     lake.Instant

	posts []post
}

// post is one request of the client, sent again until it is acknowledged.
type post struct {
	body  string
	acked bool
}

// life is one process.
type life struct {
	w       *world
	gate    *fault.Gate
	stream  *stream.Stream
	raw     *ledger.Ledger
	ledger  fault.FullLedger
	store   lake.Store
	catalog lake.Catalog
	sources ingest.Sources
	gzip    *raw.Compressor
	workers []*ingest.Worker
	curator *curate.Curator
	collect http.Handler
}

func newWorld(seed uint64, shards int, m mutant) *world {
	w := &world{
		fs: crashfs.New(seed), catalog: memory.NewCatalog(), rng: rand.New(rand.NewPCG(seed, 7)),
		shards: shards, mutant: m, seen: map[lake.ID]bool{}, now: start,
	}
	w.fs.SetClock(func() time.Time { return w.now.Time() })
	return w
}

func (w *world) clock() lake.Instant {
	w.now = w.now.Add(time.Millisecond)
	return w.now
}

// live starts a process. Batches are cut at random sizes, so a restart never
// sees the spans of the life before.
func (w *world) live(ctx context.Context, g *fault.Gate) (_ *life, err error) {
	l := &life{w: w, gate: g}
	defer func() {
		if err != nil {
			l.close()
		}
	}()
	if l.stream, err = stream.Open(ctx, w.fs, "data/stream", stream.Options{Shards: w.shards, SegmentBytes: 4096}); err != nil {
		return nil, err
	}
	if l.raw, err = ledger.Open(ctx, w.fs, "data/ledger", ledger.Options{TTL: ttl, HotBytes: 1 << 20}); err != nil {
		return nil, err
	}
	var full fault.FullLedger = l.raw
	if w.mutant.ledger != nil {
		full = w.mutant.ledger(w, full)
	}
	l.ledger = fault.Ledger(g, full)
	var objects lake.Store = store.New(w.fs, "data")
	if w.mutant.store != nil {
		objects = w.mutant.store(w, objects)
	}
	l.store = fault.Store(g, objects)
	l.catalog = fault.Catalog(g, w.catalog)
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
			FlushBytes: int64(1 + l.w.rng.IntN(4000)), FlushAge: time.Hour, ReadBytes: 1 + l.w.rng.IntN(2000),
		}))
	}
	if l.curator, err = curate.New(curate.Config{
		Backlog: l.ledger, Store: l.store, Catalog: l.catalog, Lines: raw.NewReader(l.store, cache),
		Clock: l.w.clock, LateAfter: ttl / 2,
	}); err != nil {
		return err
	}
	l.collect, err = collect.New(collect.Config{Stream: gated, Sources: l.sources, Clock: l.w.clock})
	return err
}

// close lets go of memory and goroutines; what a dead process's parts say then
// means nothing.
func (l *life) close() {
	if l.raw != nil {
		_ = l.raw.Close()
	}
	if l.stream != nil {
		_ = l.stream.Close()
	}
}

// send posts what is not acknowledged yet.
func (l *life) send(n int) error {
	for i := range l.w.posts[:n] {
		p := &l.w.posts[i]
		if p.acked {
			continue
		}
		r := httptest.NewRequest(http.MethodPost, "/v1/events", strings.NewReader(p.body))
		r.Header.Set("Content-Type", "application/x-ndjson")
		rec := httptest.NewRecorder()
		l.collect.ServeHTTP(rec, r)
		if rec.Code != http.StatusAccepted {
			return fmt.Errorf("post %d: answer %d: %s", i, rec.Code, rec.Body)
		}
		p.acked = true
	}
	return nil
}

func (l *life) ingest(ctx context.Context) error {
	for _, w := range l.workers {
		if err := w.Drain(ctx); err != nil {
			return err
		}
	}
	return nil
}

func (l *life) curate(ctx context.Context) error {
	_, err := l.curator.Once(ctx)
	return err
}

func (l *life) merge(ctx context.Context) error {
	curated, err := l.ledger.Curated(ctx)
	if err != nil {
		return err
	}
	if _, err := raw.Merge(ctx, l.ledger, l.store, curated, raw.MergeOptions{Files: 2}); err != nil {
		return err
	}
	_, err = raw.NewSweeper(l.ledger, l.store, 0, l.w.clock).Sweep(ctx, raw.Root, quarantine.Root)
	return err
}

func (l *life) compact(ctx context.Context) error {
	_, err := l.curator.Compact(ctx, curate.CompactOptions{Full: true})
	return err
}

func (l *life) rebuild(ctx context.Context) error {
	r := replay.Rebuilder{
		Ledger: l.ledger, Catalog: l.catalog, Exclusive: l.curator.Exclusive,
		Build: curate.BuildConfig{Store: l.store, Lines: raw.NewReader(l.store, nil), LateAfter: ttl / 2},
	}
	tables, err := r.Tables(ctx, replay.RebuildOptions{})
	if err != nil {
		return err
	}
	for _, name := range tables {
		if _, err := r.Table(ctx, name, replay.RebuildOptions{}, nil, nil); err != nil {
			return err
		}
	}
	return nil
}

// republish sends everything in raw through the stream again.
func (l *life) republish(ctx context.Context) error {
	journal, err := l.ledger.Journal(ctx)
	if err != nil {
		return err
	}
	to := replay.ToStream(fault.Stream(l.gate, l.stream), l.w.clock)
	_, err = replay.Publish(ctx, raw.NewReader(l.store, nil), replay.Select(journal, replay.Range{}), replay.Range{}, replay.Pace{}, to, nil)
	return err
}

func (l *life) retry(ctx context.Context) error {
	r := quarantine.Retrier{
		Ledger: l.ledger, Stream: fault.Stream(l.gate, l.stream), Lines: raw.NewReader(l.store, nil),
		Gzip: l.gzip, Sources: l.sources, Clock: l.w.clock,
	}
	_, err := r.Retry(ctx, quarantine.Filter{Reason: lake.ReasonConflict})
	return err
}

// check asserts the promise: what the client saw acknowledged is in the tables
// exactly once, nothing else is, and the books balance.
func (l *life) check(ctx context.Context, want map[lake.ID]bool) error {
	got := map[lake.ID]int{}
	names, err := l.w.catalog.Tables(ctx)
	if err != nil {
		return err
	}
	for _, name := range names {
		t, err := l.w.catalog.Table(ctx, name)
		if err != nil {
			return err
		}
		for _, f := range t.Files {
			for row, err := range curate.Rows(ctx, l.store, f) {
				if err != nil {
					return err
				}
				got[row.ID]++
			}
		}
	}
	for id := range want {
		if got[id] != 1 {
			return fmt.Errorf("acknowledged event %s is %d times in the tables", id, got[id])
		}
	}
	for id := range maps.Keys(got) {
		if !want[id] {
			return fmt.Errorf("event %s is in the tables and was never valid", id)
		}
	}
	report, err := audit.Run(ctx, audit.Parts{
		Stream: l.stream, Ledger: l.ledger, Catalog: l.w.catalog, Lines: raw.NewReader(l.store, nil), ClaimTTL: int64(ttl.Seconds()),
		Rows: func(ctx context.Context, f lake.DataFile) rows { return auditRows(ctx, l.store, f) },
	})
	if err != nil {
		return err
	}
	var all []error
	for _, p := range report.Problems {
		all = append(all, errors.New(p.Where+": "+p.What))
	}
	if report.InFlight != 0 || report.ToTables != 0 {
		all = append(all, fmt.Errorf("%d in flight, %d not in tables after everything was drained", report.InFlight, report.ToTables))
	}
	return errors.Join(all...)
}

type rows = iter.Seq2[audit.Row, error]

func auditRows(ctx context.Context, s lake.Store, f lake.DataFile) rows {
	return func(yield func(audit.Row, error) bool) {
		for row, err := range curate.Rows(ctx, s, f) {
			if !yield(audit.Row{ID: row.ID, Source: row.Source, Received: row.Received}, err) {
				return
			}
		}
	}
}
