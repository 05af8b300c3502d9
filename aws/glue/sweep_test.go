package glue_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/service/glue"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/aws/glue"
	"github.com/eventlake/lake/laketest/fault"
	"github.com/eventlake/lake/laketest/memory"
)

// gated is Glue behind a gate. A call that fails there looks like a service
// that broke off: it may have been carried out.
type gated struct {
	*fake
	gate *fault.Gate
}

func through[T any](g gated, op string, call func() (*T, error)) (out *T, err error) {
	var own error
	err = g.gate.Do("glue."+op, func() error {
		out, own = call()
		return nil
	})
	switch {
	case errors.Is(err, fault.ErrInjected) && !g.gate.Dead():
		return nil, lost()
	case err != nil:
		return nil, err
	}
	return out, own
}

func (g gated) GetTable(ctx context.Context, in *sdk.GetTableInput, o ...func(*sdk.Options)) (*sdk.GetTableOutput, error) {
	return through(g, "GetTable", func() (*sdk.GetTableOutput, error) { return g.fake.GetTable(ctx, in, o...) })
}

func (g gated) GetTables(ctx context.Context, in *sdk.GetTablesInput, o ...func(*sdk.Options)) (*sdk.GetTablesOutput, error) {
	return through(g, "GetTables", func() (*sdk.GetTablesOutput, error) { return g.fake.GetTables(ctx, in, o...) })
}

func (g gated) CreateTable(ctx context.Context, in *sdk.CreateTableInput, o ...func(*sdk.Options)) (*sdk.CreateTableOutput, error) {
	return through(g, "CreateTable", func() (*sdk.CreateTableOutput, error) { return g.fake.CreateTable(ctx, in, o...) })
}

func (g gated) UpdateTable(ctx context.Context, in *sdk.UpdateTableInput, o ...func(*sdk.Options)) (*sdk.UpdateTableOutput, error) {
	return through(g, "UpdateTable", func() (*sdk.UpdateTableOutput, error) { return g.fake.UpdateTable(ctx, in, o...) })
}

// dated is a store whose objects are as old as the run's clock says.
type dated struct {
	*memory.Store
	now  func() lake.Instant
	mu   sync.Mutex
	made map[lake.Key]lake.Instant
}

func (d *dated) Create(ctx context.Context, k lake.Key, write func(io.Writer) error) (lake.Info, error) {
	d.mu.Lock()
	d.made[k] = d.now()
	d.mu.Unlock()
	return d.Store.Create(ctx, k, write)
}

func (d *dated) List(ctx context.Context, prefix lake.Key) iter.Seq2[lake.Info, error] {
	return func(yield func(lake.Info, error) bool) {
		for info, err := range d.Store.List(ctx, prefix) {
			d.mu.Lock()
			info.Time = d.made[info.Key]
			d.mu.Unlock()
			if !yield(info, err) {
				return
			}
		}
	}
}

// world is one run: what Glue and the store hold, and what a careful writer
// knows about it.
type world struct {
	t     *testing.T
	api   *fake
	store *dated
	now   lake.Instant
	want  map[lake.Key]bool // files that belong in the table
	n     int
}

func newWorld(t *testing.T) *world {
	w := &world{t: t, api: newFake(), now: lake.SystemClock(), want: map[lake.Key]bool{}}
	w.store = &dated{Store: memory.NewStore(), now: func() lake.Instant { return w.now }, made: map[lake.Key]lake.Instant{}}
	return w
}

func (w *world) open(g *fault.Gate) *glue.Catalog {
	return open(w.t, gated{w.api, g}, fault.Store(g, w.store), glue.Options{Clock: func() lake.Instant { return w.now }})
}

// settle makes the table hold what it should with one more file, and without
// the first remove files; like curate, it asks the table what an unknown commit
// has come to. It ends only with a dead process.
func (w *world) settle(c *glue.Catalog, gate *fault.Gate, remove int) error {
	w.n++
	f := lake.DataFile{Key: lake.Key(fmt.Sprintf("tables/lesson/data/%03d.parquet", w.n)), Day: 18000, Rows: 1, Bytes: 10}
	put(w.t, w.store, f.Key, f.Bytes)
	var old []lake.DataFile
	for try := 0; ; try++ {
		now, err := c.Table(context.Background(), "lesson")
		switch {
		case gate.Dead():
			return fault.ErrDead
		case err != nil && !errors.Is(err, lake.ErrNotFound) && try < 5:
			continue
		case err != nil && !errors.Is(err, lake.ErrNotFound):
			return err
		case has(now, f.Key):
			w.took(f, old)
			return nil
		}
		old = now.Files[:min(remove, len(now.Files))]
		_, err = c.Commit(context.Background(), lake.TableCommit{Table: "lesson", Base: now.Snapshot, Schema: schema(), Add: []lake.DataFile{f}, Remove: old})
		switch {
		case err == nil:
			w.took(f, old)
			return nil
		case gate.Dead():
			// It may have happened: the next process looks.
			after, err := w.open(fault.NewGate(fault.Plan{})).Table(context.Background(), "lesson")
			if err != nil && !errors.Is(err, lake.ErrNotFound) {
				return err
			}
			if has(after, f.Key) {
				w.took(f, old)
			}
			return fault.ErrDead
		case try == 5:
			return err
		}
	}
}

func (w *world) took(add lake.DataFile, remove []lake.DataFile) {
	w.want[add.Key] = true
	for _, f := range remove {
		delete(w.want, f.Key)
	}
}

// script is what a writer does in two hours and more.
func (w *world) script(c *glue.Catalog, gate *fault.Gate) error {
	for step := range 12 {
		if step == 9 {
			w.now = w.now.Add(2 * time.Hour)
			if _, err := c.Maintain(context.Background(), "lesson", time.Hour); err != nil && gate.Dead() {
				return err
			}
		}
		remove := 0
		if step == 8 {
			remove = 6
		}
		if err := w.settle(c, gate, remove); err != nil {
			return err
		}
	}
	return nil
}

// check compares the table with what it should be, tidies up and looks whether
// only named objects are left.
func (w *world) check() error {
	ctx := context.Background()
	c := w.open(fault.NewGate(fault.Plan{}))
	if err := w.settle(c, fault.NewGate(fault.Plan{}), 0); err != nil {
		return fmt.Errorf("go on: %w", err)
	}
	w.now = w.now.Add(3 * time.Hour)
	if _, err := c.Maintain(ctx, "lesson", time.Hour); err != nil {
		return err
	}
	now, err := w.open(fault.NewGate(fault.Plan{})).Table(ctx, "lesson")
	if err != nil {
		return err
	}
	var keys, stored []lake.Key
	for _, f := range now.Files {
		keys = append(keys, f.Key)
	}
	if want := slices.Sorted(maps.Keys(w.want)); !slices.Equal(keys, want) {
		return fmt.Errorf("the table has %v, want %v", keys, want)
	}
	for info, err := range w.store.List(ctx, "tables/lesson/data/") {
		if err != nil {
			return err
		}
		stored = append(stored, info.Key)
	}
	if !slices.Equal(stored, keys) {
		return fmt.Errorf("the store has %v, the table %v", stored, keys)
	}
	lists := 0
	for info, err := range w.store.List(ctx, "tables/lesson/metadata/") {
		if err != nil {
			return err
		}
		if strings.Contains(string(info.Key), "/snap-") {
			lists++
		}
	}
	if lists != 1 {
		return fmt.Errorf("%d manifest lists are left of one snapshot", lists)
	}
	done, err := c.Check(ctx)
	if err != nil || len(done.Problems) > 0 || done.Tables != 1 {
		return fmt.Errorf("check: %+v, %w", done, err)
	}
	return nil
}

// stride is how many calls a sweep goes on at a time. A commit makes eight or
// nine calls, so over the script's commits every one of them is struck.
func stride() int {
	if testing.Short() {
		return 17
	}
	return 5
}

func TestFaultAtAnyCallLosesAndDoublesNothing(t *testing.T) {
	for _, mode := range []fault.Plan{{}, {Side: fault.After}, {Crash: true}, {Side: fault.After, Crash: true}} {
		t.Run(strings.TrimSuffix(mode.String(), " call 0"), func(t *testing.T) {
			calls := 0
			for n := 1; ; n += stride() {
				plan := mode
				plan.Call = n
				w := newWorld(t)
				gate := fault.NewGate(plan)
				err := w.script(w.open(gate), gate)
				if err != nil && !gate.Dead() {
					t.Fatalf("%s (%s): %v", plan, gate.Fired(), err)
				}
				if gate.Fired() == "" {
					break
				}
				calls++
				if err := w.check(); err != nil {
					t.Fatalf("%s (%s): %v", plan, gate.Fired(), err)
				}
			}
			if calls*stride() < 100 {
				t.Fatalf("only %d calls were struck", calls)
			}
			t.Logf("%d calls struck", calls)
		})
	}
}
