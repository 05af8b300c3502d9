package aws

import (
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/eventlake/lake/gen"
	delivery "github.com/eventlake/lake/laketest/awslocal/firehose"
	"github.com/eventlake/lake/laketest/awslocal/lambda"
	"github.com/eventlake/lake/laketest/awslocal/mapping"
)

// TestNothingIsLostOrDoubledWhateverFails lets everything fail at once: functions
// are killed in their work and at their answer, batches come again after they
// were settled, claims are throttled for a while and lose their answers,
// Firehose refuses entries, loses answers and delivers twice, the stream is
// split and merged, notifications are lost and come twice, and two processes
// make tables at the same time. In the end the tables are those of a lake on one
// machine.
func TestNothingIsLostOrDoubledWhateverFails(t *testing.T) {
	t.Parallel()
	n := amount(t, "LAKE_AWS_FAULT_EVENTS", 1500)
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	all, _ := generated(gen.Options{Seed: 21, Events: n, Duplicates: .1, Late: .01, Malformed: .02})
	parts := []lines{all[:n/3], all[n/3 : 2*n/3], all[2*n/3:]}

	s := newSite(t, setup{
		buffer:  2 * time.Second,
		faults:  delivery.Faults{Seed: seed, Throttle: .05, Entry: .15, Lost: .05, Repeat: .1, Upload: .1},
		curates: 2,
		told:    []string{"quarantine/", "raw/event_type=l", "raw/event_type=p"}, // of the others S3 says nothing
		kill: map[string]func(int) lambda.Fault{
			"ingest": func(n int) lambda.Fault {
				switch n % 5 {
				case 1:
					return lambda.Fault{KillAfter: 100 * time.Millisecond}
				case 3:
					return lambda.Fault{KillAtResponse: true}
				}
				return lambda.Fault{}
			},
			"curate": func(n int) lambda.Fault {
				if n%4 == 2 {
					return lambda.Fault{KillAfter: 500 * time.Millisecond}
				}
				return lambda.Fault{}
			},
		},
		invisible: 5 * time.Second,
		mapping: func(m *mapping.Kinesis) {
			m.BatchSize, m.Window = 20, 0
			m.Again = func(n int) bool { return n%4 == 1 }
		},
	})
	s.dynamodb.set(moody(seed, s.Names.Claims))
	ctx := t.Context()

	postIn(t, s.url, "default", 50, parts[0])
	open, err := s.Stream.Open(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Stream.Split(ctx, aws.ToString(open[0].ShardId)); err != nil {
		t.Fatal(err)
	}
	putDirectly(t, s.Kinesis(), s.Names.Stream, parts[1])
	if open, err = s.Stream.Open(ctx); err != nil {
		t.Fatal(err)
	}
	// The halves of the first shard are the youngest, and neighbours.
	if err := s.Stream.Merge(ctx, aws.ToString(open[len(open)-2].ShardId), aws.ToString(open[len(open)-1].ShardId)); err != nil {
		t.Fatal(err)
	}
	postIn(t, s.url, "default", 50, parts[2])
	s.settle(4 * time.Minute)
	for _, key := range s.keys("raw/event_type=p") { // told a second time
		s.tell(key)
	}
	s.settle(patience)
	s.upkeep()

	m := newMachine(t)
	post(t, m.url, "default", all)
	m.settle()
	sameTables(t, m.state(), s.state())
	sameQuarantine(t, m.state(), s.state())
	s.balanced()

	firehose, stream := s.Firehose.Stats(), s.records.Stats()
	t.Logf("stream %+v; Firehose %+v; claims throttled %d, answers lost %d", stream, firehose, s.dynamodb.counted(throttle), s.dynamodb.counted(lose))
	for what, times := range map[string]int64{
		"functions that were killed": stream.Failures, "repeats by Firehose": firehose.Repeated, "entries that Firehose refused": firehose.Refused,
		"throttled claims": int64(s.dynamodb.counted(throttle)), "lost answers of DynamoDB": int64(s.dynamodb.counted(lose)),
	} {
		if times == 0 {
			t.Errorf("there were no %s: the test proves less than it says", what)
		}
	}
	if s.shards() < 5 {
		t.Error("the stream was not split and merged")
	}
}

// moody throttles the claims for a while, twice, and now and then loses an
// answer of any table.
func moody(seed uint64, claims string) func(action, table string) verdict {
	var mu sync.Mutex
	rng := rand.New(rand.NewPCG(seed, 2))
	calls := 0
	return func(action, table string) verdict {
		mu.Lock()
		defer mu.Unlock()
		if table == claims && action == "PutItem" {
			calls++
			if calls > 50 && calls < 150 || calls > 900 && calls < 1000 {
				return throttle
			}
		}
		if strings.HasPrefix(action, "Put") && rng.Float64() < .02 {
			return lose
		}
		return pass
	}
}
