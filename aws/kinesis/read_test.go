package kinesis_test

import (
	"context"
	"errors"
	"fmt"
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

const first = lake.ShardID("shardId-000000000000")

// read reads a shard to its end and returns the bodies.
func read(t *testing.T, s *kinesis.Stream, shard lake.ShardID, after lake.Position) (out []string, at lake.Position) {
	t.Helper()
	var b lake.Batch
	for {
		if err := s.Read(t.Context(), shard, after, 100, &b); err != nil {
			t.Fatal(err)
		}
		if len(b.Records) == 0 {
			return out, after
		}
		out = append(out, bodies(b.Records)...)
		after = b.Span(after).To
	}
}

func TestReadingOnNeedsNoNewIterator(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake(t, 1)
		f.limited = true
		s := f.open(t, kinesis.Options{FetchRecords: 7})
		var at lake.Position
		total := 0
		for range 20 {
			if err := s.Append(t.Context(), events(total, 30, 100)); err != nil {
				t.Fatal(err)
			}
			if err := s.Wait(t.Context(), first, at); err != nil {
				t.Fatal(err)
			}
			var got []string
			got, at = read(t, s, first, at)
			total += len(got)
		}
		if total != 600 || f.count("GetShardIterator") != 1 {
			t.Errorf("%d records, %d iterators", total, f.count("GetShardIterator"))
		}
	})
}

// Waiting for a quiet shard, with several that wait, stays below what a shard
// allows; the fake refuses more.
func TestPollingStaysBelowTheLimitOfAShard(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake(t, 1)
		f.limited = true
		f.put(0, `{"a":1}`)
		s := f.open(t, kinesis.Options{})
		_, at := read(t, s, first, lake.Position{})
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		var wg sync.WaitGroup
		for range 3 {
			wg.Go(func() {
				if err := s.Wait(ctx, first, at); !errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("%v", err)
				}
			})
		}
		wg.Wait()
		if n := f.count("GetRecords"); n < 100 || n > 302 {
			t.Errorf("%d calls in a minute", n)
		}
		// A record that comes is there soon.
		began := time.Now()
		go func() {
			time.Sleep(10 * time.Second)
			f.put(0, `{"a":2}`)
		}()
		if err := s.Wait(t.Context(), first, at); err != nil {
			t.Fatal(err)
		}
		if late := time.Since(began) - 10*time.Second; late < 0 || late > time.Second {
			t.Errorf("seen %s after it came", late)
		}
		if got, _ := read(t, s, first, at); !slices.Equal(got, []string{`{"a":2}`}) {
			t.Errorf("%q", got)
		}
	})
}

func TestFaultsOfReadingPass(t *testing.T) {
	for name, fault := range map[string]error{
		"throttled":                   &types.ProvisionedThroughputExceededException{Message: aws.String("Rate exceeded for shard")},
		"an internal failure":         &types.InternalFailureException{},
		"no answer":                   context.DeadlineExceeded,
		"an iterator that is too old": &types.ExpiredIteratorException{},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFake(t, 1)
				s := f.open(t, kinesis.Options{FetchRecords: 1})
				var want []string
				for i := range 20 {
					f.put(0, fmt.Sprintf("{%d}\n{}", i))
					want = append(want, fmt.Sprintf("{%d}", i), "{}")
				}
				f.fault = func(operation string, n int) (error, bool) {
					if operation != "ListShards" && n%3 == 1 {
						if _, expired := fault.(*types.ExpiredIteratorException); expired && operation != "GetRecords" { //nolint:errorlint // it is not wrapped
							return nil, false
						}
						return fault, false
					}
					return nil, false
				}
				got, at := read(t, s, first, lake.Position{})
				if !slices.Equal(got, want) {
					t.Errorf("%q, want %q", got, want)
				}
				if at.Sub != 1 {
					t.Errorf("the end is %s", at)
				}
			})
		})
	}
}

func TestThrottledReadingEndsWithThePatience(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake(t, 1)
		f.fault = func(operation string, _ int) (error, bool) {
			if operation == "GetRecords" {
				return &types.ProvisionedThroughputExceededException{}, false
			}
			return nil, false
		}
		s, began := f.open(t, kinesis.Options{}), time.Now()
		var b lake.Batch
		if err := s.Read(t.Context(), first, lake.Position{}, 1, &b); !errors.Is(err, lake.ErrFull) {
			t.Errorf("%v", err)
		}
		if took := time.Since(began); took > 20*time.Second || took < 5*time.Second {
			t.Errorf("it took %s", took)
		}
	})
}

func TestEmptyAnswersBeforeTheEndAreNotTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake(t, 1)
		f.put(0, `{"a":1}`)
		f.empty = 12
		if got, _ := read(t, f.open(t, kinesis.Options{}), first, lake.Position{}); len(got) != 1 {
			t.Errorf("%d records", len(got))
		}
	})
}

// An iterator lives for five minutes; a reader may pause for longer, also in the
// middle of a record.
func TestReadingGoesOnAfterALongPause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake(t, 1)
		s := f.open(t, kinesis.Options{})
		for i := range 5 {
			f.put(0, fmt.Sprintf("{%d}\n{}\n[]", i))
		}
		var b lake.Batch
		var got []string
		var at lake.Position
		for {
			if err := s.Read(t.Context(), first, at, 1, &b); err != nil {
				t.Fatal(err)
			}
			if len(b.Records) == 0 {
				break
			}
			got = append(got, bodies(b.Records)...)
			at = b.Span(at).To
			time.Sleep(6 * time.Minute)
		}
		if len(got) != 15 || got[14] != "[]" {
			t.Errorf("%q", got)
		}
	})
}

func TestTrimmedRecords(t *testing.T) {
	for name, tt := range map[string]struct {
		options  kinesis.Options
		idle     time.Duration // that the reader was away
		remember bool          // somebody read to the end in between, one hour before the reader came back
		put      []time.Duration
		want     []string
		err      error
	}{
		"within retention":                     {idle: 20 * time.Hour, put: []time.Duration{time.Hour}, want: []string{"1"}},
		"lost":                                 {idle: 30 * time.Hour, put: []time.Duration{time.Hour, 29 * time.Hour}, err: lake.ErrTrimmed},
		"nothing came, nobody knows":           {idle: 30 * time.Hour, put: []time.Duration{29 * time.Hour}, err: lake.ErrTrimmed},
		"nothing is left":                      {idle: 30 * time.Hour, err: lake.ErrTrimmed},
		"nothing came, somebody looked":        {idle: 30 * time.Hour, remember: true, put: []time.Duration{29*time.Hour + time.Minute}, want: []string{"1"}},
		"nothing is left, somebody looked":     {idle: 30 * time.Hour, remember: true},
		"lost, but that is what is asked for":  {options: kinesis.Options{SkipTrimmed: true}, idle: 30 * time.Hour, put: []time.Duration{time.Hour, 29 * time.Hour}, want: []string{"2"}},
		"somebody looked, but it is too long ": {idle: 60 * time.Hour, remember: true, put: []time.Duration{59 * time.Hour}, err: lake.ErrTrimmed},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFake(t, 1)
				f.put(0, "0")
				_, at := read(t, f.open(t, tt.options), first, lake.Position{})
				began := time.Now()
				var tip kinesis.Tip
				look := func() {
					s := f.open(t, kinesis.Options{})
					s.Remember(first, kinesis.Tip{Position: at, At: lake.InstantOf(time.Now())}) // so that it may look itself
					if got, _ := read(t, s, first, at); len(got) > 0 {
						t.Fatalf("%q", got)
					}
					var ok bool
					if tip, ok = s.Tip(first); !ok || tip.Position != at {
						t.Fatalf("%+v", tip)
					}
				}
				if tt.remember && tt.idle < 48*time.Hour {
					time.Sleep(tt.idle - time.Hour)
					look()
				} else if tt.remember {
					time.Sleep(30 * time.Hour)
					look()
				}
				for i, after := range tt.put {
					time.Sleep(after - time.Since(began))
					f.put(0, fmt.Sprint(i+1))
				}
				time.Sleep(tt.idle - time.Since(began))

				s := f.open(t, tt.options)
				s.Remember(first, tip)
				var b lake.Batch
				err := s.Read(t.Context(), first, at, 100, &b)
				if !errors.Is(err, tt.err) || tt.err != nil && lake.Hint(err) == "" {
					t.Fatalf("%v, want %v", err, tt.err)
				}
				if got := bodies(b.Records); !slices.Equal(got, tt.want) {
					t.Errorf("%q, want %q", got, tt.want)
				}
				if err == nil {
					read(t, s, first, b.Span(at).To)
					return
				}
				if err := s.Read(t.Context(), first, at, 100, &b); !errors.Is(err, tt.err) {
					t.Errorf("the second time: %v", err)
				}
				// The oldest record that is kept is the way out.
				read(t, s, first, lake.Position{})
			})
		})
	}
}

func TestPositionsOfAnotherStreamAreInvalid(t *testing.T) {
	f := newFake(t, 1)
	f.put(0, "0")
	var b lake.Batch
	err := f.open(t, kinesis.Options{}).Read(t.Context(), first, lake.Pos(7), 1, &b)
	if !errors.Is(err, lake.ErrInvalid) || lake.Hint(err) == "" {
		t.Errorf("%v (%s)", err, lake.Hint(err))
	}
}

func TestMissingPermissionsAreNamed(t *testing.T) {
	f := newFake(t, 1)
	f.fault = func(operation string, _ int) (error, bool) {
		return &types.AccessDeniedException{Message: aws.String("User: arn:aws:iam::1:role/x is not authorized to perform: kinesis:" + operation +
			" on resource: arn:aws:kinesis:us-east-1:1:stream/events because no identity-based policy allows it")}, false
	}
	s := f.open(t, kinesis.Options{})
	var b lake.Batch
	for name, err := range map[string]error{
		"kinesis:ListShards":       s.Append(t.Context(), events(0, 1, 10)),
		"kinesis:GetShardIterator": s.Read(t.Context(), first, lake.Position{}, 1, &b),
	} {
		if want := "allow " + name + " on arn:aws:kinesis:us-east-1:1:stream/events"; !errors.Is(err, awsapi.ErrDenied) || !slices.Contains([]string{want + " in the policy of the role that this runs as"}, lake.Hint(err)) {
			t.Errorf("%v (%s), want %s", err, lake.Hint(err), want)
		}
	}
}

func TestShardsComeInPagesAndParentsFirst(t *testing.T) {
	f := newFake(t, 25)
	f.page = 10
	f.split("shardId-000000000003")
	f.merge("shardId-000000000007", "shardId-000000000008")
	f.split("shardId-000000000026")
	f.shards[3].id = "shardId-000000000099" // its children sort before it
	f.shards[25].parents, f.shards[26].parents = []string{"shardId-000000000099"}, []string{"shardId-000000000099"}
	list, err := f.open(t, kinesis.Options{}).Shards(t.Context())
	if err != nil || len(list) != 30 {
		t.Fatalf("%d shards, %v", len(list), err)
	}
	place := map[lake.ShardID]int{}
	closed := 0
	for i, sh := range list {
		for _, p := range sh.Parents {
			if at, ok := place[p]; !ok || !list[at].Closed {
				t.Errorf("%s comes before its parent %s", sh.ID, p)
			}
		}
		if place[sh.ID] = i; sh.Closed {
			closed++
		}
	}
	if n := len(list[place["shardId-000000000027"]].Parents); n != 2 || closed != 4 {
		t.Errorf("%d parents, %d closed", n, closed)
	}
	// A parent whose records are all gone is listed no more.
	f.shards = slices.DeleteFunc(f.shards, func(sh *fakeShard) bool { return sh.id == "shardId-000000000007" })
	if list, err = f.open(t, kinesis.Options{}).Shards(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, sh := range list {
		if sh.ID == "shardId-000000000027" && !slices.Equal(sh.Parents, []lake.ShardID{"shardId-000000000008"}) {
			t.Errorf("%v", sh.Parents)
		}
	}
}

func TestRecordsOfOtherProducersAreRead(t *testing.T) {
	f := newFake(t, 1)
	f.put(0, "{\"a\":1}\n{\"a\":2}\n")
	f.put(0, "")
	f.put(0, string(gz(t, "{\"a\":3}\n{\"a\":4}")))
	for _, v := range vectors(t)[:1] {
		f.put(0, string(v.Data))
	}
	s := f.open(t, kinesis.Options{ReadPause: -1, Unpack: kinesis.UnpackOptions{Source: "github"}})
	var b lake.Batch
	if err := s.Read(t.Context(), first, lake.Position{}, 1<<20, &b); err != nil {
		t.Fatal(err)
	}
	if got := bodies(b.Records); len(got) != 6 || got[3] != `{"a":3}` || b.Records[2].Source != "github" || len(got[2]) != 0 {
		t.Errorf("%q", got)
	}
}
