package ingest_test

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-lambda-go/events"
	sdk "github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/smithy-go"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/aws/dynamodb"
	stage "github.com/eventlake/lake/ingest"
	"github.com/eventlake/lake/laketest/awsfake"
	"github.com/eventlake/lake/laketest/memory"
	"github.com/eventlake/lake/lambda/ingest"
	"github.com/eventlake/lake/raw"
	"github.com/eventlake/lake/transform"
)

// capacity is DynamoDB that takes so many writes a second and refuses others.
type capacity struct {
	*awsfake.DynamoDB
	rate func(since time.Duration) float64
	free bool          // of the ledger's table: only claims are throttled
	took time.Duration // by a write of a claim

	mu     sync.Mutex
	begun  time.Time
	at     time.Time
	tokens float64
	claims int // writes that were taken
}

func (c *capacity) PutItem(ctx context.Context, in *sdk.PutItemInput, o ...func(*sdk.Options)) (*sdk.PutItemOutput, error) {
	took := 5 * time.Millisecond
	if *in.TableName == "claims" {
		took = c.took
	}
	if err := lake.Sleep(ctx, took); err != nil {
		return nil, &smithy.OperationError{ServiceID: "DynamoDB", OperationName: "PutItem", Err: err}
	}
	if !c.free || *in.TableName == "claims" {
		if !c.take() {
			return nil, &smithy.OperationError{ServiceID: "DynamoDB", OperationName: "PutItem",
				Err: &smithy.GenericAPIError{Code: "ProvisionedThroughputExceededException", Message: "too fast"}}
		}
	}
	return c.DynamoDB.PutItem(ctx, in, o...)
}

func (c *capacity) take() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now()
	if c.begun.IsZero() {
		c.begun, c.at = now, now
	}
	rate := c.rate(now.Sub(c.begun))
	c.tokens = min(c.tokens+rate*now.Sub(c.at).Seconds(), max(rate, 1))
	c.at = now
	if c.tokens < 1 {
		return false
	}
	c.tokens--
	c.claims++
	return true
}

// account is the function with its tables; every call has a minute.
type account struct {
	db       *capacity
	store    *memory.Store
	receipts *memory.Receipts
	deploy   func() *ingest.Handler
	fresh    bool // every call has a process of its own
	batches  []ingest.Batch
}

func newAccount(t *testing.T, rate func(time.Duration) float64) *account {
	t.Helper()
	a := &account{
		db:    &capacity{DynamoDB: awsfake.NewDynamoDB(100, dynamodb.Tables(dynamodb.Options{})...), rate: rate, free: true, took: 5 * time.Millisecond},
		store: memory.NewStore(), receipts: memory.NewReceipts(),
	}
	tr, err := transform.New(transform.DefaultMapping())
	if err != nil {
		t.Fatal(err)
	}
	gz, err := raw.NewCompressor(a.store, 1)
	if err != nil {
		t.Fatal(err)
	}
	ledger := dynamodb.New(a.db, dynamodb.Options{})
	a.deploy = func() *ingest.Handler {
		names := stage.NewSharedNames(stage.Caps{Types: 1000, Subtypes: 1000}, ledger)
		return ingest.New(ingest.Config{
			Handed: stage.NewHanded(func(shard lake.ShardID) *stage.Core {
				return stage.NewCore(shard, ledger, func(lake.SourceID) *transform.Transformer { return tr }, names, raw.NewWriter(gz, nil), gz, raw.NewMemory(1<<20))
			}, a.receipts),
			Done: func(b ingest.Batch) { a.batches = append(a.batches, b) },
		})
	}
	return a
}

// mapping hands the records over, again from where the answer says, until all
// are settled.
func (a *account) mapping(t *testing.T, records []record) {
	t.Helper()
	handler := a.deploy()
	for tries := 0; len(records) > 0; tries++ {
		if a.fresh {
			handler = a.deploy()
		}
		if tries == 300 {
			t.Fatal("the batch never comes to its end")
		}
		begun := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		out, err := handler.Invoke(ctx, payload(t, records...))
		cancel()
		if err != nil {
			t.Fatal(err)
		}
		if took := time.Since(begun); took > 58*time.Second {
			t.Fatalf("the answer comes after %s", took)
		}
		var back events.KinesisEventResponse
		if err := json.Unmarshal(out, &back); err != nil {
			t.Fatal(err)
		}
		if len(back.BatchItemFailures) == 0 {
			t.Logf("%d tries", tries+1)
			return
		}
		for fmt.Sprint(records[0].seq) != back.BatchItemFailures[0].ItemIdentifier {
			records = records[1:]
		}
	}
}

// once checks that every one of n events is in raw, and counted, once.
func (a *account) once(t *testing.T, n int) {
	t.Helper()
	lines := 0
	for info, err := range a.store.List(t.Context(), raw.Root) {
		if err != nil {
			t.Fatal(err)
		}
		err := raw.NewReader(a.store, nil).EachLine(t.Context(), lake.File{Key: info.Key, Kind: lake.KindRaw, Bytes: info.Bytes}, func([]byte) error { lines++; return nil })
		if err != nil {
			t.Fatal(err)
		}
	}
	var receipts []lake.Receipt
	for r, err := range a.receipts.Receipts(t.Context(), 0, lake.InstantOf(time.Now().Add(time.Hour))) {
		if err != nil {
			t.Fatal(err)
		}
		receipts = append(receipts, r)
	}
	var sum lake.Tally
	for _, r := range lake.Disjoint(receipts) {
		for _, b := range r.Books {
			sum.Add(b)
		}
	}
	if lines != n || sum.Unique != int64(n) || sum.Total() != int64(n) {
		t.Errorf("%d lines and %+v of %d events", lines, sum, n)
	}
}

// packedRecords are n events in records of so many.
func packedRecords(n, each int) (out []record) {
	for from := 0; from < n; from += each {
		var ids []string
		for id := from; id < min(n, from+each); id++ {
			ids = append(ids, fmt.Sprint(id))
		}
		out = append(out, record{100 + len(out), packed(ids...)})
	}
	return out
}

func TestABatchThatCannotBeClaimedInOneCallIsSettledByParts(t *testing.T) {
	const n = 9264
	for name, fresh := range map[string]bool{"the same process": false, "a process for each try": true} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := newAccount(t, func(time.Duration) float64 { return 1e6 })
				a.db.took, a.fresh = time.Second, fresh // 64 at a time
				a.mapping(t, packedRecords(n, 40))
				a.once(t, n)
				for i, b := range a.batches {
					if b.Settled == 0 {
						t.Errorf("try %d of %d settles nothing", i, len(a.batches))
					}
				}
				if len(a.batches) < 3 {
					t.Errorf("%d tries: the claims are not slow", len(a.batches))
				}
				if !fresh && a.db.claims > n {
					t.Errorf("%d writes for %d claims", a.db.claims, n)
				}
			})
		})
	}
}

func TestABatchOutlastsMinutesOfThrottling(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const n = 2000
		a := newAccount(t, func(since time.Duration) float64 {
			if since > 20*time.Second && since < 6*time.Minute {
				return 0
			}
			return 50
		})
		a.db.free = false // names and receipts are throttled too
		a.mapping(t, packedRecords(n, 40))
		a.once(t, n)
	})
}

func TestARecordWithMoreEventsThanACallCanClaimIsSettled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const n = 5000
		a := newAccount(t, func(time.Duration) float64 { return 50 })
		a.mapping(t, packedRecords(n, n))
		a.once(t, n)
		if len(a.batches) < 2 || a.db.claims > n {
			t.Errorf("%d tries, %d writes for %d claims", len(a.batches), a.db.claims, n)
		}
	})
}
