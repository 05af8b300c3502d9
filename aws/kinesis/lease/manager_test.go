package lease_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/aws/awsapi"
	"github.com/eventlake/lake/aws/kinesis"
	"github.com/eventlake/lake/aws/kinesis/lease"
)

const (
	expiry = 15 * time.Second
	renew  = 3 * time.Second
)

// worker is one process that shares the stream.
type worker struct {
	name string
	stop context.CancelFunc
	done chan error
	plug *unplugged
}

// run starts a worker whose work goes on until its context ends and then takes a
// second to finish, or until its shard is closed.
func run(t *testing.T, name string, store lease.Store, st lease.Stream, b *book, closed func(lake.ShardID) bool) *worker {
	t.Helper()
	return runWork(t, name, store, st, func(ctx context.Context, shard lake.ShardID) error {
		b.begin(name, shard)
		for !closed(shard) {
			select {
			case <-ctx.Done():
				time.Sleep(time.Second)
				b.end(shard, false)
				return nil
			case <-time.After(500 * time.Millisecond):
			}
		}
		b.end(shard, ctx.Err() == nil)
		return nil
	})
}

func runWork(t *testing.T, name string, store lease.Store, st lease.Stream, work lease.Work) *worker {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	w := &worker{name: name, stop: cancel, done: make(chan error, 1), plug: &unplugged{Store: store}}
	m := lease.NewManager(w.plug, st, work, lease.Options{Worker: name, Expiry: expiry, Renew: renew})
	go func() { w.done <- m.Run(ctx) }()
	return w
}

// end stops a worker in order.
func (w *worker) end(t *testing.T) {
	t.Helper()
	w.stop()
	if err := <-w.done; err != nil {
		t.Errorf("%s: %v", w.name, err)
	}
}

func TestSharesAreEven(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, st, b := newLeases(), newStream(10), newBook(t)
		var ws []*worker
		var names []string
		for i, want := range [][]int{{10}, {5, 5}, {3, 3, 4}, {2, 2, 3, 3}} {
			names = append(names, fmt.Sprint("w", i))
			ws = append(ws, run(t, names[i], store, st, b, st.closed))
			time.Sleep(time.Minute)
			if got := b.loads(names...); !slices.Equal(got, want) {
				t.Errorf("%d workers have %d, want %d", i+1, got, want)
			}
		}
		// No share moves any more.
		b.mu.Lock()
		starts := fmt.Sprint(b.started)
		b.mu.Unlock()
		time.Sleep(10 * time.Minute)
		b.mu.Lock()
		if again := fmt.Sprint(b.started); again != starts {
			t.Errorf("leases wander: %s, then %s", starts, again)
		}
		b.mu.Unlock()
		// One that ends gives its leases back at once.
		ws[0].end(t)
		time.Sleep(2 * renew)
		if got := b.loads(names[1:]...); got[0]+got[1]+got[2] != 10 {
			t.Errorf("soon after one has ended: %d", got)
		}
		time.Sleep(time.Minute)
		if got, want := b.loads(names[1:]...), []int{3, 3, 4}; !slices.Equal(got, want) {
			t.Errorf("after one has ended: %d, want %d", got, want)
		}
		for _, w := range ws[1:] {
			w.end(t)
		}
		for _, l := range store.items {
			if l.Owner != "" || l.Next != "" {
				t.Errorf("left behind: %+v", l)
			}
		}
	})
}

func TestMoreWorkersThanShards(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, st, b := newLeases(), newStream(2), newBook(t)
		var ws []*worker
		for i := range 5 {
			ws = append(ws, run(t, fmt.Sprint("w", i), store, st, b, st.closed))
		}
		time.Sleep(5 * time.Minute)
		if got := b.loads("w0", "w1", "w2", "w3", "w4"); !slices.Equal(got, []int{0, 0, 0, 1, 1}) {
			t.Errorf("%d", got)
		}
		if b.started["shard-000"]+b.started["shard-001"] > 4 {
			t.Errorf("leases wander: %v", b.started)
		}
		for _, w := range ws {
			w.end(t)
		}
	})
}

// A worker that cannot renew stops before anybody else begins, and its shards
// are taken over soon after.
func TestADeadWorkerIsTakenOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, st, b := newLeases(), newStream(4), newBook(t) // the book sees two at one shard
		dead, heir := run(t, "dead", store, st, b, st.closed), run(t, "heir", store, st, b, st.closed)
		time.Sleep(time.Minute)
		if got := b.loads("dead", "heir"); !slices.Equal(got, []int{2, 2}) {
			t.Fatalf("%d", got)
		}
		dead.plug.unplug()
		time.Sleep(expiry - renew - time.Second)
		if n := b.loads("heir")[0]; n != 2 {
			t.Errorf("the heir has %d before the leases have expired", n)
		}
		time.Sleep(3*renew + time.Second)
		if got := b.loads("dead", "heir"); !slices.Equal(got, []int{0, 4}) {
			t.Errorf("%d after the leases have expired", got)
		}
		heir.end(t)
		dead.end(t)
	})
}

func TestChildrenWaitForTheirParents(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, st, b := newLeases(), newStream(2), newBook(t)
		var mu sync.Mutex
		finished := map[lake.ShardID]bool{}
		closed := func(shard lake.ShardID) bool {
			mu.Lock()
			defer mu.Unlock()
			return finished[shard]
		}
		finish := func(shard lake.ShardID) {
			mu.Lock()
			finished[shard] = true
			mu.Unlock()
		}
		a, c := run(t, "a", store, st, b, closed), run(t, "c", store, st, b, closed)
		time.Sleep(time.Minute)
		children := st.split(2, "shard-000")               // 002 003
		merged := st.split(1, children[1], "shard-001")[0] // 004
		grandchildren := st.split(2, children[0])          // 005 006
		begun := func(shard lake.ShardID) bool { b.mu.Lock(); defer b.mu.Unlock(); return b.started[shard] > 0 }
		time.Sleep(time.Minute)
		for _, id := range append(slices.Concat(children, grandchildren), merged) {
			if begun(id) {
				t.Errorf("%s has begun before its parent was done", id)
			}
		}
		finish("shard-000")
		time.Sleep(600*time.Millisecond + renew)
		if !begun(children[0]) || !begun(children[1]) || begun(merged) || begun(grandchildren[0]) {
			t.Errorf("after shard-000: %v", b.started)
		}
		finish(children[1])
		time.Sleep(time.Minute)
		if begun(merged) {
			t.Error("a merged shard has begun before its second parent was done")
		}
		finish("shard-001")
		finish(children[0])
		time.Sleep(600*time.Millisecond + renew)
		if !begun(merged) || !begun(grandchildren[0]) || !begun(grandchildren[1]) {
			t.Errorf("at the end: %v", b.started)
		}
		// Leases of shards that retention has taken are removed; the others stay,
		// else the shards would be worked on again.
		st.forget("shard-000")
		time.Sleep(2 * renew)
		if got := store.get("shard-000"); got.Counter != 0 || !store.get("shard-001").Done {
			t.Errorf("%+v, %+v", got, store.get("shard-001"))
		}
		a.end(t)
		c.end(t)
	})
}

func TestWorkThatFailsIsTriedAgainLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, st := newLeases(), newStream(2)
		var mu sync.Mutex
		var tries []time.Duration
		began := time.Now()
		w := runWork(t, "w", store, st, func(ctx context.Context, shard lake.ShardID) error {
			if shard == "shard-000" {
				mu.Lock()
				tries = append(tries, time.Since(began))
				mu.Unlock()
				return lake.ErrTrimmed
			}
			<-ctx.Done()
			return nil
		})
		time.Sleep(10 * time.Minute)
		mu.Lock()
		if len(tries) < 4 || len(tries) > 7 || tries[1] < expiry || tries[2]-tries[1] < 2*expiry {
			t.Errorf("tries at %v", tries)
		}
		mu.Unlock()
		if l := store.get("shard-000"); l.Owner != "" || l.Done {
			t.Errorf("%+v", l)
		}
		if l := store.get("shard-001"); l.Owner != "w" {
			t.Errorf("%+v", l)
		}
		w.end(t)
	})
}

func TestTipsGoWithTheLease(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, st, b := newLeases(), newStream(1), newBook(t)
		tip := kinesis.Tip{Position: lake.Pos(7), At: lake.InstantOf(time.Now())}
		st.Remember("shard-000", tip)
		w := run(t, "w", store, st, b, st.closed)
		time.Sleep(2 * renew)
		if l := store.get("shard-000"); l.Tip != tip {
			t.Errorf("%+v", l)
		}
		w.end(t)
		other := newStream(1)
		w = run(t, "other", store, other, b, other.closed)
		synctest.Wait()
		if got, _ := other.Tip("shard-000"); got != tip {
			t.Errorf("%+v, want %+v", got, tip)
		}
		w.end(t)
	})
}

func TestAMissingTableEndsTheStart(t *testing.T) {
	for _, want := range []error{lake.ErrNotFound, awsapi.ErrDenied} {
		store := newLeases()
		store.fault = func(string) (error, bool) { return want, false }
		if err := lease.NewManager(store, newStream(1), nil, lease.Options{}).Run(t.Context()); !errors.Is(err, want) {
			t.Errorf("%v, want %v", err, want)
		}
	}
}

func TestWorkThatDoesNotEndIsNamed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		never := make(chan struct{})
		w := runWork(t, "w", newLeases(), newStream(1), func(context.Context, lake.ShardID) error {
			<-never
			return nil
		})
		synctest.Wait()
		w.stop()
		if err := <-w.done; !errors.Is(err, context.DeadlineExceeded) || lake.Hint(err) == "" {
			t.Errorf("%v", err)
		}
		close(never)
	})
}

// Workers come, go and die, the store fails and loses answers, shards are split:
// never do two healthy workers work on one shard, and in the end all is done.
func TestRandomLives(t *testing.T) {
	for range 8 {
		seed := rand.Uint64()
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { randomLife(t, rand.New(rand.NewPCG(seed, 0))) })
		})
	}
}

func randomLife(t *testing.T, rng *rand.Rand) {
	store, st, b := newLeases(), newStream(6), newBook(t)
	b.faults = true
	faults := rand.New(rand.NewPCG(rng.Uint64(), 1))
	store.fault = func(string) (error, bool) { // the store holds its lock
		if faults.IntN(10) > 0 {
			return nil, false
		}
		return awsapi.ErrUnknown, faults.IntN(2) == 0
	}
	var ws []*worker
	for step := range 40 {
		switch n := rng.IntN(10); {
		case n < 4 && len(ws) < 6:
			ws = append(ws, run(t, fmt.Sprint("w", step), store, st, b, st.closed))
		case n < 6 && len(ws) > 1:
			i := rng.IntN(len(ws))
			ws[i].end(t)
			ws = slices.Delete(ws, i, i+1)
		case n < 7 && len(ws) > 1:
			i := rng.IntN(len(ws))
			ws[i].plug.unplug()
			defer ws[i].end(t)
			ws = slices.Delete(ws, i, i+1)
		case n < 8:
			list, err := st.Shards(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if sh := list[rng.IntN(len(list))]; !sh.Closed {
				st.split(2, sh.ID)
			}
		}
		time.Sleep(time.Duration(rng.IntN(20_000)) * time.Millisecond)
	}
	ws = append(ws, run(t, "last", store, st, b, st.closed))
	store.mu.Lock()
	store.fault = nil
	store.mu.Unlock()
	time.Sleep(3 * time.Minute)
	list, err := st.Shards(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, w := range ws {
		names = append(names, w.name)
	}
	open := 0
	for _, sh := range list {
		switch {
		case sh.Closed && !store.get(sh.ID).Done:
			t.Errorf("%s is closed and not done: %+v", sh.ID, store.get(sh.ID))
		case !sh.Closed:
			open++
		}
	}
	loads, sum := b.loads(names...), 0
	for _, n := range loads {
		sum += n
	}
	if sum != open || loads[len(loads)-1]-loads[0] > 1 {
		t.Errorf("%d open shards, worked on: %d", open, loads)
	}
	for _, w := range ws {
		w.end(t)
	}
}
