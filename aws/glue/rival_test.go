package glue_test

import (
	"context"
	"io"
	"iter"
	"sync"
	"testing"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/service/glue"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/aws/glue"
	"github.com/eventlake/lake/laketest/fault"
)

// moment runs something between two calls of a writer: before the n-th.
type moment struct {
	mu     sync.Mutex
	n      int
	do     func()
	passed bool
}

func (m *moment) call() {
	m.mu.Lock()
	m.n--
	now := m.n == 0
	m.mu.Unlock()
	if now {
		m.passed = true
		m.do()
	}
}

// watched is a store whose calls are moments.
type watched struct {
	lake.Store
	m *moment
}

func (w watched) Create(ctx context.Context, k lake.Key, write func(io.Writer) error) (lake.Info, error) {
	w.m.call()
	return w.Store.Create(ctx, k, write)
}

func (w watched) Open(ctx context.Context, k lake.Key) (lake.Object, error) {
	w.m.call()
	return w.Store.Open(ctx, k)
}

func (w watched) List(ctx context.Context, k lake.Key) iter.Seq2[lake.Info, error] {
	w.m.call()
	return w.Store.List(ctx, k)
}

func (w watched) Delete(ctx context.Context, k lake.Key) error {
	w.m.call()
	return w.Store.Delete(ctx, k)
}

// hooked is Glue whose calls are moments.
type hooked struct {
	*fake
	m *moment
}

func (h *hooked) GetTable(ctx context.Context, in *sdk.GetTableInput, o ...func(*sdk.Options)) (*sdk.GetTableOutput, error) {
	h.m.call()
	return h.fake.GetTable(ctx, in, o...)
}

func (h *hooked) CreateTable(ctx context.Context, in *sdk.CreateTableInput, o ...func(*sdk.Options)) (*sdk.CreateTableOutput, error) {
	h.m.call()
	return h.fake.CreateTable(ctx, in, o...)
}

func (h *hooked) UpdateTable(ctx context.Context, in *sdk.UpdateTableInput, o ...func(*sdk.Options)) (*sdk.UpdateTableOutput, error) {
	h.m.call()
	return h.fake.UpdateTable(ctx, in, o...)
}

// TestRivalAtAnyMomentLosesNothing lets a second writer commit, compact and tidy up
// between any two calls of the first.
func TestRivalAtAnyMomentLosesNothing(t *testing.T) {
	never := func() *fault.Gate { return fault.NewGate(fault.Plan{}) }
	for name, visit := range map[string]func(w *world, c *glue.Catalog) error{
		"append":  func(w *world, c *glue.Catalog) error { return w.settle(c, never(), 0) },
		"replace": func(w *world, c *glue.Catalog) error { return w.settle(c, never(), 3) },
		"maintain": func(w *world, c *glue.Catalog) error {
			_, err := c.Maintain(context.Background(), "lesson", time.Hour)
			if len(w.want) == 0 {
				return nil // there is no table yet
			}
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			visits := 0
			for n := 1; ; n += stride() {
				w := newWorld(t)
				rival := w.open(never())
				m := &moment{n: n, do: func() {
					if err := visit(w, rival); err != nil {
						t.Errorf("rival before call %d: %v", n, err)
					}
				}}
				api := &hooked{fake: w.api, m: m}
				c := open(t, api, watched{w.store, m}, glue.Options{Clock: func() lake.Instant { return w.now }})
				if err := w.script(c, never()); err != nil {
					t.Fatalf("rival before call %d: %v", n, err)
				}
				if err := w.check(); err != nil || t.Failed() {
					t.Fatalf("rival before call %d: %v", n, err)
				}
				if !m.passed {
					break
				}
				visits++
			}
			if visits*stride() < 100 {
				t.Fatalf("only %d visits", visits)
			}
		})
	}
}
