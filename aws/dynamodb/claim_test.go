package dynamodb_test

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/smithy-go"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/aws/awsapi"
	"github.com/eventlake/lake/aws/dynamodb"
	"github.com/eventlake/lake/laketest/awsfake"
	"github.com/eventlake/lake/laketest/awslocal"
	"github.com/eventlake/lake/laketest/memory"
)

const epoch = lake.Instant(1_700_000_000_000_000)

func id(n uint64) (id lake.ID) {
	binary.BigEndian.PutUint64(id[8:], n)
	return id
}

// claimsOf makes claims of the IDs at positions 1, 2, ...
func claimsOf(ids ...uint64) []lake.Claim {
	out := make([]lake.Claim, len(ids))
	for i, n := range ids {
		out[i] = lake.Claim{ID: id(n), Position: lake.Pos(uint64(i + 1)), Time: epoch, Fingerprint: 7}
	}
	return out
}

func sequence(from, to uint64) (out []uint64) {
	for n := from; n < to; n++ {
		out = append(out, n)
	}
	return out
}

// failing is a client whose puts fail as the test says.
type failing struct {
	dynamodb.Client
	before, after func(*sdk.PutItemInput) error
}

func (f *failing) PutItem(ctx context.Context, in *sdk.PutItemInput, o ...func(*sdk.Options)) (*sdk.PutItemOutput, error) {
	wrap := func(err error) error {
		return &smithy.OperationError{ServiceID: "DynamoDB", OperationName: "PutItem", Err: err}
	}
	if f.before != nil {
		if err := f.before(in); err != nil {
			return nil, wrap(err)
		}
	}
	out, err := f.Client.PutItem(ctx, in, o...)
	if f.after != nil && err == nil {
		if err := f.after(in); err != nil {
			return nil, wrap(err)
		}
	}
	return out, err
}

// idOf is the number of the ID that a put claims.
func idOf(in *sdk.PutItemInput) uint64 {
	b, _ := in.Item["id"].(*types.AttributeValueMemberB)
	return binary.BigEndian.Uint64(b.Value[8:])
}

func throttled() error {
	return &types.ProvisionedThroughputExceededException{Message: aws.String("slow down")}
}

// times returns an error so often for each ID.
func times(n int, err func() error) func(*sdk.PutItemInput) error {
	var mu sync.Mutex
	seen := map[uint64]int{}
	return func(in *sdk.PutItemInput) error {
		mu.Lock()
		defer mu.Unlock()
		if seen[idOf(in)]++; seen[idOf(in)] > n {
			return nil
		}
		return err()
	}
}

func TestOneOfManyProcessesOwnsAnID(t *testing.T) {
	for name, client := range map[string]func(t *testing.T) dynamodb.Client{
		"in memory": func(*testing.T) dynamodb.Client { return fake(dynamodb.Options{}) },
		"on moto": func(t *testing.T) dynamodb.Client {
			t.Helper()
			c := dynamodb.NewClient(awslocal.Moto(t).Config(), 0)
			if err := dynamodb.CreateTables(t.Context(), c, dynamodb.Options{}); err != nil {
				t.Fatal(err)
			}
			return c
		},
	} {
		t.Run(name, func(t *testing.T) {
			db := client(t)
			const racers = 16
			for n := range uint64(8) {
				var outcomes [racers]lake.Outcome
				var wg sync.WaitGroup
				begin := make(chan struct{})
				for r := range racers {
					wg.Go(func() {
						l := dynamodb.New(db, dynamodb.Options{})
						<-begin
						out := make([]lake.Outcome, 1)
						if err := l.Claim(t.Context(), lake.ShardID(fmt.Sprintf("shard-%d", r)), claimsOf(n), out); err != nil {
							t.Error(err)
						}
						outcomes[r] = out[0]
					})
				}
				close(begin)
				wg.Wait()
				slices.Sort(outcomes[:])
				if outcomes[0] != lake.Owned || outcomes[1] != lake.Taken || outcomes[racers-1] != lake.Taken {
					t.Fatalf("id %d: %v", n, outcomes)
				}
			}
		})
	}
}

// TestFaultsOfClaimsChangeNoAnswer: throttles and answers that are lost after
// the effect are asked again, and the same owner gets the same answer.
func TestFaultsOfClaimsChangeNoAnswer(t *testing.T) {
	for name, f := range map[string]failing{
		"throttled":                      {before: times(3, throttled)},
		"lost before the effect":         {before: times(2, awsfake.Lost)},
		"lost after the effect":          {after: times(2, awsfake.Lost)},
		"throttled, then lost after all": {before: times(1, throttled), after: times(3, awsfake.Lost)},
	} {
		t.Run(name, func(t *testing.T) {
			f.Client = fake(dynamodb.Options{})
			l := dynamodb.New(&f, dynamodb.Options{Retry: atOnce()})
			claims := claimsOf(1, 2, 3, 2, 4)
			out := make([]lake.Outcome, len(claims))
			if err := l.Claim(t.Context(), "a", claims, out); err != nil {
				t.Fatal(err)
			}
			if want := []lake.Outcome{lake.Owned, lake.Owned, lake.Owned, lake.Taken, lake.Owned}; !slices.Equal(out, want) {
				t.Fatalf("got %v, want %v", out, want)
			}
			if s := l.Stats(); s.Claims != 5 || s.Writes < 8 || s.Again < 4 {
				t.Fatalf("%+v", s)
			}
		})
	}
}

// TestAThrottledTableLeavesWhatIsKnown: a table that throttles for longer than
// there is time gives an error, and the outcomes before the first claim without
// one stand.
func TestAThrottledTableLeavesWhatIsKnown(t *testing.T) {
	const first, tries, workers = 40, 6, 4 // the first claim that is always throttled
	f := &failing{Client: fake(dynamodb.Options{}), before: func(in *sdk.PutItemInput) error {
		if idOf(in) >= first {
			return throttled()
		}
		return nil
	}}
	retry := atOnce()
	retry.Tries = tries
	l := dynamodb.New(f, dynamodb.Options{Concurrency: workers, Retry: retry})
	claims := claimsOf(sequence(0, 200)...)
	out := make([]lake.Outcome, len(claims))
	err := l.Claim(t.Context(), "a", claims, out)
	if !errors.Is(err, lake.ErrFull) || !strings.Contains(err.Error(), "160 of 200") || !strings.Contains(err.Error(), "table claims") {
		t.Fatalf("got %v", err)
	}
	for i, o := range out {
		if (o == lake.Owned) != (i < first) {
			t.Fatalf("claim %d has outcome %d", i, o)
		}
	}
	if s := l.Stats(); s.Claims != first || s.Writes > first+workers*tries {
		t.Errorf("claims behind the failed one were asked for: %+v", s)
	}
}

// TestClaimsEndBeforeTheDeadline, so that the caller has time to say how far
// it came.
func TestClaimsEndBeforeTheDeadline(t *testing.T) {
	f := &failing{Client: fake(dynamodb.Options{}), before: func(*sdk.PutItemInput) error { return throttled() }}
	var longest time.Duration
	retry := &awsapi.Retry{Base: 45 * time.Minute, Max: 45 * time.Minute, Wait: func(_ context.Context, d time.Duration) error {
		longest = max(longest, d)
		return nil
	}}
	ctx, expire := context.WithTimeout(t.Context(), 10*time.Minute)
	defer expire()
	err := dynamodb.New(f, dynamodb.Options{Concurrency: 1, Retry: retry}).Claim(ctx, "a", claimsOf(1), make([]lake.Outcome, 1))
	if !errors.Is(err, lake.ErrFull) || ctx.Err() != nil || longest > 10*time.Minute {
		t.Fatalf("%v after a pause of %s", err, longest)
	}
}

func TestAClaimThatIsDeniedIsNotTriedAgain(t *testing.T) {
	f := &failing{Client: fake(dynamodb.Options{}), before: func(*sdk.PutItemInput) error {
		return awsfake.Says("AccessDeniedException", "no")
	}}
	l := dynamodb.New(f, dynamodb.Options{})
	out := []lake.Outcome{lake.Owned}
	err := l.Claim(t.Context(), "a", claimsOf(1), out)
	if !errors.Is(err, awsapi.ErrDenied) || l.Stats().Writes != 1 || out[0] != 0 || !strings.Contains(lake.Hint(err), "table claims") {
		t.Fatalf("%v, %+v, hint %q", err, l.Stats(), lake.Hint(err))
	}
}

func TestAMissingTableIsNamed(t *testing.T) {
	l := dynamodb.New(awsfake.NewDynamoDB(1), dynamodb.Options{Claims: "prod-claims"})
	err := l.Claim(t.Context(), "a", claimsOf(1), make([]lake.Outcome, 1))
	if !errors.Is(err, lake.ErrNotFound) || !strings.Contains(err.Error(), "table prod-claims") {
		t.Fatal(err)
	}
}

func TestAnItemThatIsNoClaimIsCorrupt(t *testing.T) {
	db := fake(dynamodb.Options{})
	who := id(1)
	if _, err := db.PutItem(t.Context(), &sdk.PutItemInput{TableName: aws.String("claims"), Item: map[string]types.AttributeValue{
		"id": &types.AttributeValueMemberB{Value: who[:]},
	}}); err != nil {
		t.Fatal(err)
	}
	err := dynamodb.New(db, dynamodb.Options{}).Claim(t.Context(), "a", claimsOf(1), make([]lake.Outcome, 1))
	if !errors.Is(err, lake.ErrCorrupt) || lake.Hint(err) == "" {
		t.Fatal(err)
	}
}

func TestWithoutClaimsNothingIsAsked(t *testing.T) {
	db := fake(dynamodb.Options{})
	l := dynamodb.New(db, dynamodb.Options{Dedup: dynamodb.DedupNone})
	out := make([]lake.Outcome, 3)
	if err := l.Claim(t.Context(), "a", claimsOf(1, 1, 2), out); err != nil || slices.ContainsFunc(out, func(o lake.Outcome) bool { return o != lake.Owned }) {
		t.Fatal(out, err)
	}
	if db.Calls("PutItem") != 0 || l.Stats().Claims != 3 {
		t.Fatalf("%d puts, %+v", db.Calls("PutItem"), l.Stats())
	}
}

// TestAClaimIsOneWrite is what an event costs.
func TestAClaimIsOneWrite(t *testing.T) {
	l := dynamodb.New(fake(dynamodb.Options{}), dynamodb.Options{})
	out := make([]lake.Outcome, 1000)
	claims := claimsOf(sequence(0, 1000)...)
	for range 2 { // the second time all are there
		if err := l.Claim(t.Context(), "shardId-000000000000", claims, out); err != nil {
			t.Fatal(err)
		}
	}
	if s := l.Stats(); s.Claims != 2000 || s.Writes != 2000 || s.Units != 2000 || s.Again != 0 {
		t.Fatalf("%+v", s)
	}
}

// TestAnswersAreThoseOfTheLedgerInMemory compares random calls, in which IDs
// repeat, bodies differ and claims expire, also within a call.
func TestAnswersAreThoseOfTheLedgerInMemory(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	const ttl = 10 * time.Second
	want := memory.NewLedger(ttl)
	l := dynamodb.New(fake(dynamodb.Options{}), dynamodb.Options{ClaimTTL: ttl, Concurrency: 3})
	now := epoch
	for call := range 300 {
		claims := make([]lake.Claim, r.IntN(40))
		shard := lake.ShardID(fmt.Sprintf("shard-%d", call%3))
		for i := range claims {
			now = now.Add(time.Duration(r.IntN(2)) * time.Second)
			claims[i] = lake.Claim{
				ID: id(r.Uint64N(30)), Position: kinesisPosition(uint64(call*100 + i + 1)), Time: now, Fingerprint: r.Uint32N(2),
			}
		}
		got, expected := make([]lake.Outcome, len(claims)), make([]lake.Outcome, len(claims))
		if err := l.Claim(t.Context(), shard, claims, got); err != nil {
			t.Fatal(err)
		}
		if err := want.Claim(t.Context(), shard, claims, expected); err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(got, expected) {
			t.Fatalf("call %d: %v\ngot  %v\nwant %v", call, claims, got, expected)
		}
	}
}

func TestClaimsOfManyShardsShareTheConcurrency(t *testing.T) {
	var mu sync.Mutex
	now, most := 0, 0
	f := &failing{Client: fake(dynamodb.Options{})}
	count := func(d int) {
		mu.Lock()
		defer mu.Unlock()
		now += d
		most = max(most, now)
	}
	f.before = func(*sdk.PutItemInput) error { count(1); time.Sleep(100 * time.Microsecond); return nil }
	f.after = func(*sdk.PutItemInput) error { count(-1); return nil }
	l := dynamodb.New(f, dynamodb.Options{Concurrency: 5})
	var wg sync.WaitGroup
	for s := range uint64(4) {
		wg.Go(func() {
			claims := claimsOf(sequence(s*100, s*100+100)...)
			if err := l.Claim(t.Context(), lake.ShardID(fmt.Sprint(s)), claims, make([]lake.Outcome, len(claims))); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if most != 5 {
		t.Fatalf("at most %d claims were asked for at once, want 5", most)
	}
}
