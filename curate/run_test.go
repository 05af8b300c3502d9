package curate_test

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/curate"
)

// flaky is a catalog whose first commits fail, and which tells of each commit.
type flaky struct {
	lake.Catalog
	failures  atomic.Int32
	committed chan lake.Table
}

func (f *flaky) Commit(ctx context.Context, c lake.TableCommit) (lake.Table, error) {
	if f.failures.Add(-1) >= 0 {
		return lake.Table{}, fmt.Errorf("disk on fire")
	}
	t, err := f.Catalog.Commit(ctx, c)
	if err == nil {
		f.committed <- t
	}
	return t, err
}

func TestRunGoesOnAfterErrorsAndWhenWoken(t *testing.T) {
	r := newRig(t)
	f := &flaky{Catalog: r.catalog, committed: make(chan lake.Table, 10)}
	f.failures.Store(2)
	registry := prometheus.NewRegistry()
	cur := r.curator(func(c *curate.Config) {
		c.Catalog, c.Interval, c.Registerer = f, 10*time.Millisecond, registry
	})
	r.span(bodies(`{"n":1}`)...)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- cur.Run(ctx) }()
	if table := <-f.committed; table.Consumed[shard] != lake.Pos(1) {
		t.Errorf("%+v", table)
	}
	r.span(bodies(`{"n":2}`)...)
	cur.Wake()
	<-f.committed
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	for id, n := range r.ids(r.table("order")) {
		if n != 1 {
			t.Errorf("%s %d times", id, n)
		}
	}
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]float64{}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			got[f.GetName()] += m.GetCounter().GetValue()
		}
	}
	if got["lake_curate_rows_total"] != 2 || got["lake_curate_errors_total"] != 2 {
		t.Errorf("%v", got)
	}
}

func TestExclusiveKeepsTheCuratorOff(t *testing.T) {
	r := newRig(t)
	cur := r.curator()
	release, err := cur.Exclusive(context.Background(), "order")
	if err != nil {
		t.Fatal(err)
	}
	r.span(bodies(`{"n":1}`)...)
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
	defer cancel()
	if _, err := cur.Once(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v", err)
	}
	release()
	if report, err := cur.Once(context.Background()); err != nil || report.Rows != 1 {
		t.Errorf("%+v, %v", report, err)
	}
}

func TestCompactOfAnUnknownTableSaysSo(t *testing.T) {
	r := newRig(t)
	_, err := r.curator().Compact(context.Background(), curate.CompactOptions{Table: "nope"})
	if !errors.Is(err, lake.ErrNotFound) || lake.Hint(err) == "" {
		t.Errorf("%v", err)
	}
}
