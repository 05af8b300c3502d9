package lease_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/aws/awsapi"
	"github.com/eventlake/lake/aws/kinesis"
	"github.com/eventlake/lake/aws/kinesis/lease"
	"github.com/eventlake/lake/laketest/awslocal"
)

// table makes the lease table in a moto.
func table(t *testing.T) *dynamodb.Client {
	t.Helper()
	client := dynamodb.NewFromConfig(awslocal.Moto(t).Config())
	_, err := client.CreateTable(t.Context(), lease.Definition("leases"))
	if awslocal.Made(err) != nil {
		t.Fatal(err)
	}
	return client
}

// pages makes every Query a page of two items.
type pages struct{ lease.API }

func (p pages) Query(ctx context.Context, in *dynamodb.QueryInput, o ...func(*dynamodb.Options)) (*dynamodb.QueryOutput, error) {
	in.Limit = aws.Int32(2)
	return p.API.Query(ctx, in, o...)
}

func TestStoreInMemory(t *testing.T) { storeSuite(t, newLeases(), newLeases()) }

func TestStoreInDynamoDB(t *testing.T) {
	client := table(t)
	storeSuite(t, lease.NewTable(pages{client}, "leases", "events"), lease.NewTable(client, "leases", "other"))
	if _, err := lease.NewTable(client, "nothing", "events").List(t.Context()); !errors.Is(err, lake.ErrNotFound) {
		t.Errorf("a table that does not exist: %v", err)
	}
}

// storeSuite is what a Manager relies on. The two stores are of two streams.
func storeSuite(t *testing.T, s, other lease.Store) {
	ctx := t.Context()
	list := func(s lease.Store) []lease.Lease {
		t.Helper()
		out, err := s.List(ctx)
		if err != nil {
			t.Fatal(err)
		}
		slices.SortFunc(out, func(a, b lease.Lease) int { return cmp.Compare(a.Shard, b.Shard) })
		return out
	}
	if got := list(s); len(got) != 0 {
		t.Fatalf("%+v", got)
	}
	for i := range 5 {
		if err := s.Create(ctx, lake.ShardID(fmt.Sprint("shard-", i))); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Create(ctx, "shard-1"); !errors.Is(err, lake.ErrStale) {
		t.Errorf("created twice: %v", err)
	}
	if got := list(s); len(got) != 5 || got[3] != (lease.Lease{Shard: "shard-3", Counter: 1}) {
		t.Fatalf("%+v", got)
	}
	if got := list(other); len(got) != 0 {
		t.Errorf("the other stream has %+v", got)
	}

	full := lease.Lease{Shard: "shard-2", Owner: "me", Next: "you", Done: true,
		Tip: kinesis.Tip{Position: lake.Position{Seq: [3]uint64{1, 2, 3}, Sub: 4}, At: -5}}
	if err := s.Swap(ctx, 1, &full); err != nil || full.Counter != 2 {
		t.Fatalf("%+v, %v", full, err)
	}
	if got := list(s)[2]; got != full {
		t.Errorf("%+v, want %+v", got, full)
	}
	bare := lease.Lease{Shard: "shard-2"}
	if err := s.Swap(ctx, 1, &bare); !errors.Is(err, lake.ErrStale) {
		t.Errorf("swapped with an old counter: %v", err)
	}
	if err := s.Swap(ctx, 2, &bare); err != nil {
		t.Fatal(err)
	}
	if got := list(s)[2]; got != (lease.Lease{Shard: "shard-2", Counter: 3}) {
		t.Errorf("%+v", got)
	}
	gone := lease.Lease{Shard: "shard-9"}
	if err := s.Swap(ctx, 1, &gone); !errors.Is(err, lake.ErrStale) {
		t.Errorf("swapped what does not exist: %v", err)
	}
	if err := s.Delete(ctx, "shard-2", 2); !errors.Is(err, lake.ErrStale) {
		t.Errorf("deleted with an old counter: %v", err)
	}
	if err := s.Delete(ctx, "shard-2", 3); err != nil {
		t.Fatal(err)
	}
	if got := list(s); len(got) != 4 {
		t.Errorf("%+v", got)
	}

	var won atomic.Int32
	var wg sync.WaitGroup
	for i := range 16 {
		wg.Go(func() {
			l := lease.Lease{Shard: "shard-0", Owner: fmt.Sprint("worker-", i)}
			if err := s.Swap(ctx, 1, &l); err == nil {
				won.Add(1)
			} else if !errors.Is(err, lake.ErrStale) {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if won.Load() != 1 {
		t.Errorf("%d of 16 have won", won.Load())
	}
}

// broken is a client all of whose calls fail.
type broken struct{ err error }

func (b broken) Query(context.Context, *dynamodb.QueryInput, ...func(*dynamodb.Options)) (*dynamodb.QueryOutput, error) {
	return nil, b.err
}

func (b broken) PutItem(context.Context, *dynamodb.PutItemInput, ...func(*dynamodb.Options)) (*dynamodb.PutItemOutput, error) {
	return nil, b.err
}

func (b broken) DeleteItem(context.Context, *dynamodb.DeleteItemInput, ...func(*dynamodb.Options)) (*dynamodb.DeleteItemOutput, error) {
	return nil, b.err
}

func TestErrorsOfTheTableHaveAMeaning(t *testing.T) {
	for want, err := range map[error]error{
		lake.ErrStale:     &types.ConditionalCheckFailedException{},
		lake.ErrFull:      &types.ProvisionedThroughputExceededException{},
		lake.ErrNotFound:  &types.ResourceNotFoundException{},
		awsapi.ErrUnknown: context.DeadlineExceeded,
	} {
		s := lease.NewTable(broken{err}, "leases", "events")
		for name, got := range map[string]error{
			"swap": s.Swap(t.Context(), 1, &lease.Lease{}), "create": s.Create(t.Context(), "x"), "delete": s.Delete(t.Context(), "x", 1),
		} {
			if !errors.Is(got, want) {
				t.Errorf("%s: %v, want %v", name, got, want)
			}
		}
	}
}

// odd is a client whose table holds an item that nobody here wrote.
type odd struct {
	broken
	item map[string]types.AttributeValue
}

func (o odd) Query(context.Context, *dynamodb.QueryInput, ...func(*dynamodb.Options)) (*dynamodb.QueryOutput, error) {
	return &dynamodb.QueryOutput{Items: []map[string]types.AttributeValue{o.item}}, nil
}

func TestAForeignItemIsCorrupt(t *testing.T) {
	n := func(v string) types.AttributeValue { return &types.AttributeValueMemberN{Value: v} }
	s := func(v string) types.AttributeValue { return &types.AttributeValueMemberS{Value: v} }
	for name, item := range map[string]map[string]types.AttributeValue{
		"no counter":            {"shard": s("x")},
		"a counter in words":    {"shard": s("x"), "counter": s("1")},
		"a broken tip":          {"shard": s("x"), "counter": n("1"), "tip": s("?"), "tip_at": n("1")},
		"a tip without time":    {"shard": s("x"), "counter": n("1"), "tip": s("1")},
		"a tip that is no text": {"shard": s("x"), "counter": n("1"), "tip": n("1"), "tip_at": n("1")},
	} {
		if _, err := lease.NewTable(odd{item: item}, "leases", "events").List(t.Context()); !errors.Is(err, lake.ErrCorrupt) || lake.Hint(err) == "" {
			t.Errorf("%s: %v", name, err)
		}
	}
}
