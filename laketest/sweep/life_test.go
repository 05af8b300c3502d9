package sweep

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/curate"
	"github.com/eventlake/lake/ingest"
	"github.com/eventlake/lake/laketest/fault"
	"github.com/eventlake/lake/local/ledger"
	"github.com/eventlake/lake/local/stream"
	"github.com/eventlake/lake/quarantine"
	"github.com/eventlake/lake/raw"
	"github.com/eventlake/lake/replay"
)

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
	lines   *raw.Reader
	workers []*ingest.Worker
	curator *curate.Curator
	collect http.Handler
}

// close ends the process's goroutines and closes its files. What the parts of
// one that died say then means nothing.
func (l *life) close() error {
	var err error
	if l.raw != nil {
		err = l.raw.Close()
	}
	if l.stream != nil {
		err = errors.Join(err, l.stream.Close())
	}
	return err
}

// maxTries bounds how often a step is tried in one life.
const maxTries = 4

// play does the steps and returns those that are left when the process died.
func (l *life) play(ctx context.Context, todo []step) ([]step, error) {
	for len(todo) > 0 {
		var err error
		for range maxTries {
			if err = todo[0].do(l, ctx); err == nil || l.gate.Dead() {
				break
			}
		}
		if err != nil {
			return todo, fmt.Errorf("%s: %w", todo[0].name, err)
		}
		todo = todo[1:]
	}
	return nil, nil
}

// send posts what is not acknowledged yet of the first n requests.
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
	return l.sweepRaw(ctx)
}

// sweepRaw deletes what no commit names, also what the last life left: nothing is
// taken in meanwhile.
func (l *life) sweepRaw(ctx context.Context) error {
	shards, err := l.stream.Shards(ctx)
	if err != nil {
		return err
	}
	_, err = raw.NewSweeper(l.ledger, l.store, l.w.clock).Sweep(ctx, 0, raw.InStream(shards), raw.Root, quarantine.Root)
	return err
}

func (l *life) compact(ctx context.Context) error {
	_, err := l.curator.Compact(ctx, curate.CompactOptions{Full: true})
	return err
}

func (l *life) rebuild(ctx context.Context) error {
	r := replay.Rebuilder{
		Ledger: l.ledger, Catalog: l.catalog, Exclusive: l.curator.Exclusive,
		Build: curate.BuildConfig{Store: l.store, Lines: l.lines, LateAfter: ttl / 2},
	}
	tables, err := r.Tables(ctx, replay.RebuildOptions{})
	if err != nil {
		return err
	}
	for _, name := range tables {
		if _, err := r.Table(ctx, name, replay.RebuildOptions{Force: true}, nil, nil); err != nil {
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
	_, err = replay.Publish(ctx, l.lines, replay.Select(journal, replay.Range{}), replay.Range{}, replay.Pace{}, to, nil)
	return err
}

func (l *life) retry(ctx context.Context) error {
	r := quarantine.Retrier{
		Ledger: l.ledger, Stream: fault.Stream(l.gate, l.stream), Lines: l.lines,
		Gzip: l.gzip, Sources: l.sources, Clock: l.w.clock,
	}
	_, err := r.Retry(ctx, quarantine.Filter{Reason: lake.ReasonConflict})
	return err
}
