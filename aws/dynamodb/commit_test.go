package dynamodb_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/aws/awsapi"
	"github.com/eventlake/lake/aws/dynamodb"
	"github.com/eventlake/lake/laketest/awsfake"
	"github.com/eventlake/lake/laketest/memory"
)

const shard lake.ShardID = "shardId-000000000000"

// file is the n-th raw file of a shard, of the record n.
func file(n uint64) lake.File {
	f := lake.File{
		Kind: lake.KindRaw, Shard: shard, Span: span(n-1, n),
		Partition: lake.Partition{Name: lake.Name{Type: "account", Subtype: fmt.Sprint("s", n%5)}, Day: epoch.Day()},
		Events:    1, Bytes: 100, CRC: uint32(n), MinTime: epoch, MaxTime: epoch, Received: epoch,
	}
	f.Key = lake.Key(fmt.Sprintf("raw/%s/part-%06d.ndjson.gz", f.Partition.Dir(), n))
	return f
}

func span(after, to uint64) lake.Span {
	return lake.Span{After: position(after), To: position(to)}
}

func position(n uint64) lake.Position {
	if n == 0 {
		return lake.Position{}
	}
	return kinesisPosition(n)
}

// step commits the record n.
func step(n uint64) lake.Commit {
	return lake.Commit{
		Shard: shard, Span: span(n-1, n), Add: []lake.File{file(n)},
		Books: []lake.Tally{{Book: lake.Book{Source: "s", Type: "account", Hour: epoch.Hour()}, Unique: 1}},
		Types: []lake.Name{file(n).Partition.Name},
	}
}

func commit(t *testing.T, l *dynamodb.Ledger, c lake.Commit) {
	t.Helper()
	if err := l.Commit(t.Context(), c); err != nil {
		t.Fatal(err)
	}
}

func keys(t *testing.T, l *dynamodb.Ledger) (out []lake.Key) {
	t.Helper()
	j, err := l.Journal(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for f := range j.Files("") {
		out = append(out, f.Key)
	}
	return out
}

// holds checks that the ledger has exactly the records 1 to n, once.
func holds(t *testing.T, l *dynamodb.Ledger, n uint64) {
	t.Helper()
	j, err := l.Journal(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var got, want []lake.File
	for f := range j.Files("") {
		got = append(got, f)
	}
	for i := range n {
		want = append(want, file(i+1))
	}
	if !slices.Equal(got, want) {
		t.Fatalf("%d files, want %d:\n%v", len(got), n, got)
	}
	if b := j.Books(); len(b) != 1 || b[0].Unique != int64(n) {
		t.Fatalf("books %+v, want %d", b, n)
	}
	if p := j.Positions(); len(p) != 1 || p[shard] != position(n) {
		t.Fatalf("positions %v", p)
	}
}

// TestAZombieLosesAtTheCommit: a process that was replaced knows an old head,
// and everything it does is refused.
func TestAZombieLosesAtTheCommit(t *testing.T) {
	db := fake(dynamodb.Options{})
	zombie, heir := dynamodb.New(db, dynamodb.Options{}), dynamodb.New(db, dynamodb.Options{})
	commit(t, zombie, step(1))
	commit(t, heir, step(2))
	for _, c := range []lake.Commit{step(2), {Shard: shard, Span: span(1, 3), Add: []lake.File{file(9)}}} {
		if err := zombie.Commit(t.Context(), c); !errors.Is(err, lake.ErrStale) {
			t.Fatalf("got %v", err)
		}
	}
	holds(t, heir, 2)
	holds(t, zombie, 2)
	commit(t, zombie, step(3)) // it may come back, from the position that is true
	holds(t, heir, 3)
}

// TestOneOfTwoWorkersOnAShardGetsEachStep runs two workers that both believe
// that the shard is theirs.
func TestOneOfTwoWorkersOnAShardGetsEachStep(t *testing.T) {
	const steps = 60
	db := fake(dynamodb.Options{})
	var won [2]int
	var wg sync.WaitGroup
	for w := range won {
		wg.Go(func() {
			l := dynamodb.New(db, dynamodb.Options{Checkpoint: 8, Retry: atOnce()})
			for n := uint64(1); n <= steps; n++ {
				switch err := l.Commit(t.Context(), step(n)); {
				case err == nil:
					won[w]++
				case !errors.Is(err, lake.ErrStale):
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if won[0]+won[1] != steps {
		t.Errorf("%d and %d commits of %d steps", won[0], won[1], steps)
	}
	holds(t, dynamodb.New(db, dynamodb.Options{}), steps)
}

// TestMergersAndTheWorkerOfAShardDoNotDisturbEachOther: commits that move no
// position are redone when the worker was faster, and the other way round.
func TestMergersAndTheWorkerOfAShardDoNotDisturbEachOther(t *testing.T) {
	const steps = 40
	db := fake(dynamodb.Options{})
	var wg sync.WaitGroup
	wg.Go(func() {
		l := dynamodb.New(db, dynamodb.Options{Checkpoint: 8, Retry: atOnce()})
		for n := uint64(1); n <= steps; n++ {
			if err := l.Commit(t.Context(), step(n)); err != nil {
				t.Errorf("worker: %v", err)
			}
		}
	})
	wg.Go(func() {
		l := dynamodb.New(db, dynamodb.Options{Retry: atOnce()})
		for n := range uint64(steps) {
			marker := lake.File{Key: lake.Key(fmt.Sprint("merged-", n)), Kind: lake.KindQuarantine, Shard: shard}
			if err := l.Commit(t.Context(), lake.Commit{Shard: shard, Add: []lake.File{marker}}); err != nil {
				t.Errorf("merger: %v", err)
			}
			if err := l.Commit(t.Context(), lake.Commit{Shard: shard, Remove: []lake.File{marker}}); err != nil {
				t.Errorf("merger: %v", err)
			}
		}
	})
	wg.Wait()
	holds(t, dynamodb.New(db, dynamodb.Options{}), steps)
}

// TestALostAnswerIsAskedForAgain: whether the transaction happened or not, it
// happens once.
func TestALostAnswerIsAskedForAgain(t *testing.T) {
	for name, when := range map[string]awsfake.When{"before": awsfake.Before, "after": awsfake.After} {
		for _, forget := range []bool{false, true} { // the service forgets request tokens after ten minutes
			t.Run(fmt.Sprintf("%s the effect, tokens forgotten %t", name, forget), func(t *testing.T) {
				db := fake(dynamodb.Options{})
				db.ForgetTokens = forget
				lost := 0
				db.Fault = func(op string, w awsfake.When) error {
					if op == "TransactWriteItems" && w == when && lost < 2 {
						lost++
						return awsfake.Lost()
					}
					return nil
				}
				l := dynamodb.New(db, dynamodb.Options{Retry: atOnce()})
				commit(t, l, step(1))
				commit(t, l, step(2))
				holds(t, l, 2)
				if lost == 0 {
					t.Fatal("no answer was lost")
				}
			})
		}
	}
}

// TestALostCommitIsFoundBehindOthers: the answer is lost, and before it is
// asked for again somebody else commits to the shard.
func TestALostCommitIsFoundBehindOthers(t *testing.T) {
	for _, others := range []uint64{1, 5} {
		db := fake(dynamodb.Options{})
		db.ForgetTokens = true
		other := dynamodb.New(db, dynamodb.Options{Checkpoint: 3, Retry: atOnce()})
		lost := false
		db.Fault = func(op string, w awsfake.When) error {
			if op != "TransactWriteItems" || w != awsfake.After || lost {
				return nil
			}
			lost = true
			return awsfake.Lost()
		}
		retry := &awsapi.Retry{Wait: func(ctx context.Context, _ time.Duration) error {
			for n := range others {
				commit(t, other, step(2+n))
			}
			return ctx.Err()
		}}
		commit(t, dynamodb.New(db, dynamodb.Options{Retry: retry}), step(1))
		holds(t, other, 1+others)
	}
}

// TestACommitWhoseTracesAreGoneIsUnknown: nothing is claimed that cannot be
// known.
func TestACommitWhoseTracesAreGoneIsUnknown(t *testing.T) {
	db := fake(dynamodb.Options{})
	db.ForgetTokens = true
	other := dynamodb.New(db, dynamodb.Options{Checkpoint: 50, Retry: atOnce()})
	lost := false
	db.Fault = func(op string, w awsfake.When) error {
		if op != "TransactWriteItems" || w != awsfake.After || lost {
			return nil
		}
		lost = true
		return awsfake.Lost()
	}
	retry := &awsapi.Retry{Wait: func(ctx context.Context, _ time.Duration) error {
		for n := range uint64(200) {
			commit(t, other, step(2+n))
		}
		return ctx.Err()
	}}
	err := dynamodb.New(db, dynamodb.Options{Retry: retry}).Commit(t.Context(), step(1))
	if !errors.Is(err, awsapi.ErrUnknown) {
		t.Fatalf("got %v", err)
	}
	holds(t, other, 201)
}

func TestACommitOfThousandsOfFilesGoesToTheStore(t *testing.T) {
	c := lake.Commit{Shard: shard, Span: span(0, 1)}
	for n := range uint64(100_000) {
		f := file(n + 1)
		f.CRC, f.MinTime = uint32(n*2654435761), lake.Instant(n*0x9e3779b97f4a7c15>>20)
		c.Add = append(c.Add, f)
	}
	db := fake(dynamodb.Options{})
	err := dynamodb.New(db, dynamodb.Options{}).Commit(t.Context(), c)
	if !errors.Is(err, lake.ErrLimit) || !strings.Contains(lake.Hint(err), "store") {
		t.Fatalf("without a store: %v", err)
	}
	store := memory.NewStore()
	o := dynamodb.Options{Store: store}
	commit(t, dynamodb.New(db, o), c)
	j, err := dynamodb.New(db, o).Journal(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if got := slices.Collect(j.Files("")); !slices.Equal(got, c.Add) {
		t.Fatalf("%d files came back", len(got))
	}
	if _, err := dynamodb.New(db, dynamodb.Options{}).Journal(t.Context()); !errors.Is(err, lake.ErrInvalid) || lake.Hint(err) == "" {
		t.Fatalf("without the store: %v", err)
	}
}

func TestFilesOfEveryShapeComeBack(t *testing.T) {
	odd := []lake.File{
		file(1),
		{Key: "raw/elsewhere", Kind: lake.KindRaw, Shard: shard, Span: span(0, 1)},
		{Key: "quarantine/day=2023-11-14/x", Kind: lake.KindQuarantine, Shard: shard, Partition: lake.Partition{Day: epoch.Day()}, Events: 3},
		{Key: "raw/of-another", Kind: lake.KindRaw, Shard: "another", Span: lake.Span{To: lake.Pos(3)}, MinTime: -5},
		{Key: "delivered", Kind: lake.KindRaw, Shard: shard, Span: lake.Span{After: lake.Pos(1<<64 - 1), To: lake.Position{Sub: 1}}, Bytes: 1 << 40},
	}
	for _, every := range []int{1, 100} { // folded at once, and not
		db := fake(dynamodb.Options{})
		commit(t, dynamodb.New(db, dynamodb.Options{Checkpoint: every, Retry: atOnce()}), lake.Commit{Shard: shard, Span: span(0, 1), Add: odd})
		j, err := dynamodb.New(db, dynamodb.Options{}).Journal(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if got := slices.Collect(j.Files("")); !slices.Equal(got, odd) {
			t.Errorf("got\n%+v\nwant\n%+v", got, odd)
		}
	}
}
