package kinesis_test

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"math/big"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/aws/awsapi"
	"github.com/eventlake/lake/aws/kinesis"
)

func events(first, n, size int) []lake.Event {
	out := make([]lake.Event, n)
	for i := range out {
		out[i] = event(first+i, size)
	}
	return out
}

// mustHold checks that the fake holds each event as often as it should.
func mustHold(t *testing.T, f *fake, events []lake.Event, times int) {
	t.Helper()
	got := f.stored()
	for i, e := range events {
		if got[e.ID] != times {
			t.Fatalf("event %d is stored %d times, want %d", i, got[e.ID], times)
		}
	}
	if times > 0 && len(got) != len(events) {
		t.Fatalf("%d events are stored, want %d", len(got), len(events))
	}
}

const throttled = "ProvisionedThroughputExceededException"

func TestOnlyFailedRecordsAreSentAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake(t, 10)
		f.refuse = func(n int, shard lake.ShardID) string {
			if n == 1 && shard[len(shard)-1]%2 == 1 {
				return throttled
			}
			return ""
		}
		s, es := f.open(t, kinesis.Options{}), events(0, 300, 200)
		if err := s.Append(t.Context(), es); err != nil {
			t.Fatal(err)
		}
		mustHold(t, f, es, 1)
		if sent := len(slices.Concat(f.puts...)); sent != 15 || len(f.puts[0]) != 10 {
			t.Errorf("%d records were sent: %d", sent, f.puts)
		}
		if st := s.Stats(); st.Events != 300 || st.Records != 10 || st.Again != 5 || st.Calls != int64(len(f.puts)) {
			t.Errorf("%+v", st)
		}
	})
}

func TestThrottledToTheEndIsFull(t *testing.T) {
	for name, tt := range map[string]struct {
		deadline time.Duration // of the caller
		within   time.Duration
	}{
		"of the patience": {time.Hour, 15 * time.Second},
		"of the deadline": {3 * time.Second, 3 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFake(t, 3)
				f.refuse = func(int, lake.ShardID) string { return throttled }
				ctx, cancel := context.WithTimeout(t.Context(), tt.deadline)
				defer cancel()
				s, es, began := f.open(t, kinesis.Options{}), events(0, 50, 100), time.Now()
				err := s.Append(ctx, es)
				if !errors.Is(err, lake.ErrFull) || lake.Hint(err) == "" {
					t.Fatalf("%v (%s), want lake.ErrFull", err, lake.Hint(err))
				}
				if took := time.Since(began); took > tt.within || took < tt.within/3 {
					t.Errorf("it gave up after %s", took)
				}
				mustHold(t, f, es, 0)
				// What was given up is not sent later, and does not stand in the way.
				f.refuse = nil
				if err := s.Append(t.Context(), events(100, 5, 100)); err != nil {
					t.Fatal(err)
				}
				synctest.Wait()
				mustHold(t, f, events(100, 5, 100), 1)
			})
		})
	}
}

func TestStoredInPartIsNotFull(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake(t, 3)
		f.refuse = func(_ int, shard lake.ShardID) string {
			if shard == "shardId-000000000001" {
				return throttled
			}
			return ""
		}
		err := f.open(t, kinesis.Options{}).Append(t.Context(), events(0, 50, 100))
		if err == nil || errors.Is(err, lake.ErrFull) {
			t.Fatalf("%v: a part was stored", err)
		}
	})
}

// The answer was lost: the call may have had its effect.
func TestAnUnknownOutcomeIsSentAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake(t, 3)
		f.fault = func(operation string, n int) (error, bool) {
			if operation == "PutRecords" && n == 1 {
				return &types.InternalFailureException{Message: aws.String("gone")}, true
			}
			return nil, false
		}
		es := events(0, 50, 100)
		if err := f.open(t, kinesis.Options{}).Append(t.Context(), es); err != nil {
			t.Fatal(err)
		}
		mustHold(t, f, es, 2)
	})
	synctest.Test(t, func(t *testing.T) {
		f := newFake(t, 3)
		f.fault = func(operation string, n int) (error, bool) {
			switch {
			case operation != "PutRecords":
				return nil, false
			case n == 1:
				return context.DeadlineExceeded, true
			}
			return &types.ProvisionedThroughputExceededException{Message: aws.String("slow down")}, false
		}
		es := events(0, 50, 100)
		err := f.open(t, kinesis.Options{}).Append(t.Context(), es)
		if !errors.Is(err, awsapi.ErrUnknown) || errors.Is(err, lake.ErrFull) {
			t.Fatalf("%v: it may have been stored", err)
		}
		mustHold(t, f, es, 1)
	})
}

func TestWhatCannotPassFailsAtOnce(t *testing.T) {
	for want, refusal := range map[error]error{
		lake.ErrNotFound: &types.ResourceNotFoundException{Message: aws.String("Stream events under account 1 not found.")},
		awsapi.ErrDenied: &types.AccessDeniedException{Message: aws.String("User: x is not authorized to perform: kinesis:PutRecords on resource: events")},
	} {
		synctest.Test(t, func(t *testing.T) {
			f, began := newFake(t, 3), time.Now()
			f.fault = func(operation string, _ int) (error, bool) {
				if operation == "PutRecords" {
					return refusal, false
				}
				return nil, false
			}
			if err := f.open(t, kinesis.Options{}).Append(t.Context(), events(0, 50, 100)); !errors.Is(err, want) {
				t.Errorf("%v, want %v", err, want)
			}
			if took := time.Since(began); took > 0 || f.count("PutRecords") != 1 {
				t.Errorf("%d calls, %s", f.count("PutRecords"), took)
			}
		})
	}
}

func TestCallsStayWithinTheLimits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake(t, 600)
		f.latency = 50 * time.Millisecond
		s := f.open(t, kinesis.Options{Senders: 3})
		es := events(0, 8000, 60)
		var wg sync.WaitGroup
		for part := range slices.Chunk(es, 400) {
			wg.Go(func() {
				if err := s.Append(t.Context(), part); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		mustHold(t, f, es, 1) // the fake itself checks the limits of a call
		if f.most != 3 {
			t.Errorf("%d calls at one time, want 3", f.most)
		}
	})
	big := make([]byte, 900_000)
	synctest.Test(t, func(t *testing.T) {
		f := newFake(t, 40)
		es := events(0, 60, 20)
		for i := range es {
			es[i].Body = big
		}
		if err := f.open(t, kinesis.Options{}).Append(t.Context(), es); err != nil {
			t.Fatal(err)
		}
		mustHold(t, f, es, 1)
		if len(f.puts) < 6 {
			t.Errorf("54 MB in %d calls", len(f.puts))
		}
	})
}

// Senders that come one event at a time share records, because what comes while
// a record is on its way waits for the next one.
func TestEventsOfManyCallsShareRecords(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake(t, 2)
		f.latency = 20 * time.Millisecond
		s := f.open(t, kinesis.Options{})
		es := events(0, 2000, 512)
		var wg sync.WaitGroup
		for i := range es {
			wg.Go(func() {
				time.Sleep(time.Duration(i) * time.Millisecond / 10) // 10,000 a second
				if err := s.Append(t.Context(), es[i:i+1]); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		mustHold(t, f, es, 1)
		if st := s.Stats(); st.Records > 30 || st.Events != 2000 {
			t.Errorf("%+v", st)
		}
	})
}

// Units is the money: what Kinesis bills for an event.
func TestBilledUnits(t *testing.T) {
	for name, tt := range map[string]struct {
		options    kinesis.Options
		units, kib float64 // at most, an event
	}{
		"packed":     {kinesis.Options{}, 0.023, 0.55},
		"compressed": {kinesis.Options{Compress: true}, 0.017, 0.40},
	} {
		f := newFake(t, 4)
		s := f.open(t, tt.options)
		for i := range 3 {
			es := events(i*500, 500, 512)
			for j := range es {
				es[j].Received = lake.Instant(i) // a request has one time
			}
			// In one go, as when records wait for a busy shard.
			if err := s.Append(t.Context(), slices.Concat(es, events(100_000+i*2000, 2000, 512))); err != nil {
				t.Fatal(err)
			}
		}
		st := s.Stats()
		units, kib := float64(st.Units)/float64(st.Events), float64(st.KiB)/float64(st.Events)
		t.Logf("%s: %.4f units of 25 KiB and %.3f KiB for an event of 512 bytes; %.0f events a record", name, units, kib, float64(st.Events)/float64(st.Records))
		if units > tt.units || kib > tt.kib {
			t.Errorf("%s: want at most %.4f and %.2f", name, tt.units, tt.kib)
		}
	}
}

func TestOneCallersEndIsNotTheOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake(t, 1)
		f.latency = time.Second
		s := f.open(t, kinesis.Options{})
		var wg sync.WaitGroup
		for i := range 10 {
			if i == 1 {
				synctest.Wait() // the first one's record is on its way; all others share the next
			}
			wg.Go(func() {
				ctx, cancel := context.WithTimeout(t.Context(), time.Duration(1+i)*300*time.Millisecond)
				defer cancel()
				err := s.Append(ctx, events(i, 1, 100))
				if late := i < 6; late && !errors.Is(err, context.DeadlineExceeded) || !late && err != nil {
					t.Errorf("caller %d: %v", i, err)
				}
			})
		}
		wg.Wait()
		time.Sleep(10 * time.Second)
		mustHold(t, f, events(0, 10, 100), 1)
	})
}

func TestAFullQueueRefuses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake(t, 1)
		f.latency = time.Second
		s := f.open(t, kinesis.Options{MaxQueue: 10_000})
		first := make(chan error, 1)
		go func() { first <- s.Append(t.Context(), events(0, 1, 20_000)) }() // one alone may be larger
		synctest.Wait()
		if err := s.Append(t.Context(), events(1, 1, 100)); !errors.Is(err, lake.ErrFull) {
			t.Errorf("%v, want lake.ErrFull", err)
		}
		if err := <-first; err != nil {
			t.Fatal(err)
		}
		if err := s.Append(t.Context(), events(2, 1, 100)); err != nil {
			t.Errorf("when the queue is empty again: %v", err)
		}
		if got := f.stored(); len(got) != 2 {
			t.Errorf("%d events are stored", len(got))
		}
	})
}

func TestReshardsAreFollowed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake(t, 2)
		s := f.open(t, kinesis.Options{})
		var all []lake.Event
		appendSome := func() {
			t.Helper()
			es := events(len(all), 100, 100)
			all = append(all, es...)
			if err := s.Append(t.Context(), es); err != nil {
				t.Fatal(err)
			}
		}
		appendSome()
		f.split("shardId-000000000000")
		appendSome() // goes by the old routes and learns from the answer
		appendSome()
		f.merge("shardId-000000000003", "shardId-000000000001")
		appendSome()
		appendSome()
		mustHold(t, f, all, 1)
		if n := f.count("ListShards"); n != 3 {
			t.Errorf("the shards were listed %d times", n)
		}
		// By the last routes every event is in the shard that takes its id.
		f.mu.Lock()
		defer f.mu.Unlock()
		u := kinesis.NewUnpacker(kinesis.UnpackOptions{})
		for _, sh := range f.shards {
			if sh.closed || len(sh.records) == 0 {
				continue
			}
			r := sh.records[len(sh.records)-1]
			for _, e := range u.Unpack(nil, lake.Pos(1), 0, r.Data) {
				if k := fmt.Sprint(new(big.Int).SetBytes(e.ID[:])); f.destination(k) != sh {
					t.Errorf("an event of %s is in %s", f.destination(k).id, sh.id)
				}
			}
		}
		if len(f.shards) != 5 || len(f.shards[4].records) == 0 || len(f.shards[2].records) == 0 {
			t.Error("the children have nothing")
		}
	})
}

func TestEventsThatAreTooLargeForARecord(t *testing.T) {
	noise := func(size int) lake.Event {
		e := event(size, 10)
		rng := rand.New(rand.NewPCG(1, 2))
		for len(e.Body) < size {
			e.Body = binary.LittleEndian.AppendUint64(e.Body, rng.Uint64())
		}
		e.Body = e.Body[:size]
		return e
	}
	f := newFake(t, 2)
	s := f.open(t, kinesis.Options{})
	good := []lake.Event{noise(1<<20 - 400), event(1, 1<<20), event(2, 1_500_000), event(3, 10)}
	if err := s.Append(t.Context(), good); err != nil {
		t.Fatal(err)
	}
	mustHold(t, f, good, 1)
	for name, bad := range map[string]lake.Event{"noise": noise(1<<20 + 1), "a body over the port's limit": {Body: make([]byte, lake.MaxBody+1)}} {
		if err := s.Append(t.Context(), []lake.Event{event(9, 10), bad}); !errors.Is(err, lake.ErrInvalid) {
			t.Errorf("%s: %v, want lake.ErrInvalid", name, err)
		}
	}
	mustHold(t, f, good, 1)
}

// A stream whose limit is lower than what was configured refuses one record; the
// others of the call are stored.
func TestOneBadRecordDoesNotTakeTheOthersWithIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake(t, 8)
		f.latency = time.Millisecond
		s := f.open(t, kinesis.Options{MaxRecord: 4 << 20})
		var wg sync.WaitGroup
		// The first call keeps the sender busy, so that the others go together.
		good, bad := events(0, 30, 50), event(77, 2<<20)
		for i, es := range [][]lake.Event{good, {bad}} {
			wg.Go(func() {
				if err := s.Append(t.Context(), es); (i == 0) != (err == nil) || i == 1 && !errors.Is(err, lake.ErrInvalid) {
					t.Errorf("call %d: %v", i, err)
				}
			})
		}
		wg.Wait()
		both := append(events(100, 30, 50), bad)
		if err := s.Append(t.Context(), both); !errors.Is(err, lake.ErrInvalid) {
			t.Errorf("%v", err)
		}
		got := f.stored()
		if len(got) < 45 || got[bad.ID] != 0 {
			t.Errorf("%d events are stored", len(got))
		}
	})
}

// Random faults at every call: what was acknowledged is there, and in the order
// in which each writer sent it.
func TestAcknowledgedEventsAreStoredUnderRandomFaults(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	synctest.Test(t, func(t *testing.T) {
		f := newFake(t, 4)
		f.latency = 5 * time.Millisecond
		var mu sync.Mutex
		rng := rand.New(rand.NewPCG(seed, 1))
		draw := func(n int) int {
			mu.Lock()
			defer mu.Unlock()
			return rng.IntN(n)
		}
		f.fault = func(operation string, _ int) (error, bool) {
			switch draw(12) {
			case 0:
				return &types.ProvisionedThroughputExceededException{}, false
			case 1:
				return context.DeadlineExceeded, draw(2) == 0
			case 2:
				return &types.InternalFailureException{}, draw(2) == 0
			}
			return nil, false
		}
		f.refuse = func(int, lake.ShardID) string { return []string{throttled, "InternalFailure", "", "", ""}[draw(5)] }
		s := f.open(t, kinesis.Options{})
		acknowledged := map[lake.ID]bool{}
		var wg sync.WaitGroup
		for w := range 6 {
			wg.Go(func() {
				for i := range 10 {
					es := events(w*1000+i*20, 20, 80)
					if err := s.Append(t.Context(), es); err == nil {
						mu.Lock()
						for _, e := range es {
							acknowledged[e.ID] = true
						}
						mu.Unlock()
					}
				}
			})
		}
		time.Sleep(100 * time.Millisecond)
		f.split("shardId-000000000002")
		wg.Wait()
		got := f.stored()
		for id := range maps.Keys(acknowledged) {
			if got[id] == 0 {
				t.Fatalf("%s was acknowledged and is not stored", id)
			}
		}
		if len(acknowledged) < 600 {
			t.Errorf("only %d events were acknowledged", len(acknowledged))
		}
	})
}
