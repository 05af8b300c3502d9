package firehose_test

import (
	"slices"
	"testing"
	"time"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/aws/firehose"
)

// TestBilledOverSent: the goal is 1.05 at the sizes that a Lambda sees.
func TestBilledOverSent(t *testing.T) {
	for _, c := range []struct {
		name                    string
		partitions, lines, size int
		most                    float64
	}{
		{"100 events of 100 partitions", 100, 1, 512, 1.06},
		{"1,000 events of 100 partitions", 100, 10, 512, 1.02},
		{"10,000 events of 100 partitions", 100, 100, 512, 1.02},
		{"10,000 events of one partition", 1, 10_000, 512, 1.02},
		{"100 large events", 10, 10, 60_000, 1.01},
	} {
		s := start(t, firehose.Options{})
		p := parts(c.partitions, c.lines, c.size)
		if _, err := s.sink.Write(t.Context(), "s", span(p), p); err != nil {
			t.Fatal(err)
		}
		var sent, billed int64
		for _, r := range s.fake.Records() {
			sent += int64(len(r))
			billed += (int64(len(r)) + 5119) / 5120 * 5120
		}
		st := s.sink.Stats()
		if st.Sent != sent || st.Billed != billed || st.Records != int64(len(s.fake.Records())) || st.Calls != int64(s.fake.Calls()) {
			t.Errorf("%s: counted %+v, sent %d, billed %d", c.name, st, sent, billed)
		}
		ratio := float64(st.Billed) / float64(st.Sent)
		if ratio > c.most {
			t.Errorf("%s: billed %.3f of what was sent", c.name, ratio)
		}
		t.Logf("%-32s %3d records, billed/sent %.4f", c.name, st.Records, ratio)
	}
}

func TestBilledRoundsUp(t *testing.T) {
	for bytes, want := range map[int]int64{0: 0, 1: 5120, 5120: 5120, 5121: 10240, 1_000_000: 1_003_520} {
		if got := firehose.Billed(bytes); got != want {
			t.Errorf("%d bytes: %d, want %d", bytes, got, want)
		}
	}
}

// TestLimitsOfRecordsAndCalls: the fake refuses what is over them.
func TestLimitsOfRecordsAndCalls(t *testing.T) {
	for _, size := range []int{1, 1500, 2000, 250_000, 499_500, 999_500, 999_999 - 330, firehose.MaxRecord - 329, lake.MaxEvent} {
		s := start(t, firehose.Options{})
		p := parts(3, max(5, min(2000, 3_000_000/(size+300))), size)
		want := linesOf(p)
		if _, err := s.sink.Write(t.Context(), "s", span(p), p); err != nil {
			t.Fatalf("lines of %d: %v", size, err)
		}
		kept := s.delivered(t)
		var got []string
		for _, lines := range kept {
			got = append(got, lines...)
		}
		slices.Sort(got)
		if !slices.Equal(got, want) {
			t.Errorf("lines of %d: %d of %d", size, len(got), len(want))
		}
		if st := s.sink.Stats(); st.Direct > 0 != (len(want[0]) > firehose.MaxRecord) {
			t.Errorf("lines of %d: %+v", len(want[0]), st)
		}
	}
}

func TestPartitionsBeyondTheLimitGoTheDirectWayUntilOthersClose(t *testing.T) {
	now := lake.Instant(0)
	s := start(t, firehose.Options{Partitions: 4, Hold: 10 * time.Minute, Clock: func() lake.Instant { return now }})
	all := parts(6, 5, 100)
	all[2] = parts(6, 5, 200)[2]
	all[5] = parts(6, 50, 100)[5] // the largest
	write := func(parts ...lake.Part) int64 {
		before := s.sink.Stats().Direct
		if _, err := s.sink.Write(t.Context(), "s", span(parts), parts); err != nil {
			t.Fatal(err)
		}
		return s.sink.Stats().Direct - before
	}
	if n := write(all[0], all[1]); n != 0 {
		t.Fatalf("%d lines of two partitions went the direct way", n)
	}
	now = now.Add(6 * time.Minute)
	// Two are open; of the four others the two largest have room.
	if n := write(all[1], all[2], all[3], all[4], all[5]); n != 10 {
		t.Fatalf("%d lines went the direct way", n)
	}
	if n := write(all[5]); n != 0 {
		t.Fatal("the largest is not open")
	}
	now = now.Add(6 * time.Minute)
	// The first has closed, so one has room again.
	if n := write(all[3]); n != 0 {
		t.Fatalf("%d lines went the direct way", n)
	}
	if n := write(all[4], all[0]); n != 10 {
		t.Fatalf("%d lines went the direct way", n)
	}
	now = now.Add(time.Hour)
	if n := write(all[0], all[1], all[2], all[4]); n != 0 {
		t.Fatalf("%d lines went the direct way after all had closed", n)
	}
}

func TestOptionsSayWhatIsMissing(t *testing.T) {
	for _, o := range []firehose.Options{{}, {Stream: "s"}, {Direct: keeper{}}} {
		if _, err := firehose.New(nil, o); err == nil || lake.Hint(err) == "" {
			t.Errorf("%+v: %v", o, err)
		}
	}
}

// TestSameSpanWritesSameDirectFiles: a file that was written the direct way may
// be known already when its span comes again, so it must not change.
func TestSameSpanWritesSameDirectFiles(t *testing.T) {
	now := lake.Instant(0)
	s := start(t, firehose.Options{Partitions: 1, Hold: time.Minute, Clock: func() lake.Instant { return now }})
	mixed := part(t, lake.Name{}, `{"event_uuid":"1","event_name":"account:opened",`+when+`}`,
		`{"event_uuid":"2","event_name":"account:opened","event_type":"x",`+when+`}`)
	other := parts(1, 10, 500)[0]
	write := func(parts ...lake.Part) []lake.File {
		files, err := s.sink.Write(t.Context(), "s", lake.Span{To: lake.Pos(12)}, parts)
		if err != nil {
			t.Fatal(err)
		}
		return files
	}
	beyond := write(other, mixed)
	now = now.Add(time.Hour)
	open := write(mixed, lake.Part{Partition: other.Partition})
	if len(beyond) != 1 || !slices.Equal(beyond, open) {
		t.Fatalf("\n%v\n%v", beyond, open)
	}
}
