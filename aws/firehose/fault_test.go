package firehose_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/service/firehose"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/aws/awsapi"
	"github.com/eventlake/lake/aws/firehose"
	"github.com/eventlake/lake/laketest/awsfake"
	"github.com/eventlake/lake/laketest/sinktest"
)

// parts makes so many parts of so many lines; positions count through them by
// turns, as a span's do.
func parts(n, lines, size int) []lake.Part {
	out := make([]lake.Part, n)
	for i := range out {
		p := &out[i]
		p.Partition = lake.Partition{Name: lake.Name{Type: fmt.Sprintf("type_%d", i), Subtype: "s"}, Day: 20400}
		p.First = lake.Pos(uint64(i + 1))
		for l := range lines {
			p.Lines = append(p.Lines, sinktest.Line(p.Partition, "s", l*n+i+1, size)...)
			p.Events++
		}
	}
	return out
}

func span(parts []lake.Part) lake.Span {
	total := int64(0)
	for i := range parts {
		total += parts[i].Events
	}
	return lake.Span{To: lake.Pos(uint64(total))}
}

// distinct is every line that Firehose has taken, once.
func distinct(f *awsfake.Firehose) []string {
	var lines []string
	for _, r := range f.Records() {
		lines = slices.AppendSeq(lines, strings.Lines(string(r)))
	}
	slices.Sort(lines)
	return slices.Compact(lines)
}

func linesOf(parts []lake.Part) []string {
	var lines []string
	for i := range parts {
		lines = slices.AppendSeq(lines, strings.Lines(string(parts[i].Lines)))
	}
	slices.Sort(lines)
	return lines
}

func TestPassingFaultsLoseNothing(t *testing.T) {
	kinds := map[string]func() error{
		"throttled": func() error { return awsfake.Says("ServiceUnavailableException", "Slow down.") },
		"lost":      awsfake.Lost,
		"internal":  func() error { return awsfake.Says("InternalFailure", "") },
	}
	runs := 0
	for name, kind := range kinds {
		for _, when := range []awsfake.When{awsfake.Before, awsfake.After} {
			for n := int64(1); ; n++ {
				s := start(t, firehose.Options{})
				var calls atomic.Int64
				var fired atomic.Bool
				s.fake.Fault = func(_ string, w awsfake.When) error {
					if w == when && calls.Add(1) == n {
						fired.Store(true)
						return kind()
					}
					return nil
				}
				p := parts(7, 1100, 600)
				want := linesOf(p)
				if _, err := s.sink.Write(t.Context(), "s", span(p), p); err != nil {
					t.Fatalf("%s at call %d: %v", name, n, err)
				}
				if !slices.Equal(distinct(s.fake), want) {
					t.Fatalf("%s at call %d: lines are missing", name, n)
				}
				if !fired.Load() {
					break
				}
				runs++
				if s.sink.Stats().Repeated == 0 {
					t.Errorf("%s at call %d: nothing was sent again", name, n)
				}
			}
		}
	}
	if runs < 3*2*2 {
		t.Fatalf("only %d faults", runs)
	}
	t.Logf("%d faults", runs)
}

func TestOnlyFailedRecordsAreSentAgain(t *testing.T) {
	const seed = 5
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	s := start(t, firehose.Options{Retry: &awsapi.Retry{Tries: 100, Wait: func(context.Context, time.Duration) error { return nil }}})
	refused := int64(0)
	s.fake.Refuse = func(int, []byte) bool {
		if r.IntN(3) == 0 {
			return false
		}
		refused++
		return true
	}
	p := parts(20, 700, 400)
	want := linesOf(p)
	if _, err := s.sink.Write(t.Context(), "s", span(p), p); err != nil {
		t.Fatal(err)
	}
	st := s.sink.Stats()
	if got := distinct(s.fake); !slices.Equal(got, want) || int64(len(got)) != st.Lines {
		t.Fatalf("%d lines of %d; %+v", len(got), len(want), st)
	}
	if refused < 10 || st.Repeated != refused || st.Records != int64(len(s.fake.Records())) {
		t.Fatalf("%d records were refused; %+v", refused, st)
	}
}

func TestWhatIsNotDeliveredIsNamed(t *testing.T) {
	s := start(t, firehose.Options{Parallel: 1})
	p := parts(3, 1000, 100)
	// The record that has line 401 of the second part: position 400*3+2.
	mark := []byte(fmt.Sprintf(`"position":"%d"`, 400*3+2))
	s.fake.Refuse = func(_ int, data []byte) bool { return bytes.Contains(data, mark) }
	_, err := s.sink.Write(t.Context(), "s", span(p), p)
	var u *lake.Undelivered
	if !errors.As(err, &u) || !errors.Is(err, lake.ErrFull) {
		t.Fatal(err)
	}
	// Records have 500 lines: two of the first part, then the first of the second.
	if u.First != lake.Pos(2) || u.Parts != 1 {
		t.Errorf("undelivered from %s, %d parts", u.First, u.Parts)
	}
	if !strings.Contains(err.Error(), "delivery stream lake-raw") || !strings.Contains(err.Error(), "ServiceUnavailableException") {
		t.Error(err)
	}
	if got := len(distinct(s.fake)); got != 2500 {
		t.Errorf("%d lines were delivered", got)
	}

	// A later record of a part: what was delivered of it before is not named.
	s = start(t, firehose.Options{Parallel: 1})
	mark = []byte(fmt.Sprintf(`"position":"%d"`, 700*3+2))
	s.fake.Refuse = func(_ int, data []byte) bool { return bytes.Contains(data, mark) }
	if _, err = s.sink.Write(t.Context(), "s", span(p), p); !errors.As(err, &u) || u.First != lake.Pos(500*3+2) {
		t.Errorf("undelivered: %v", err)
	}
}

func TestDeniedIsNotTriedAgain(t *testing.T) {
	s := start(t, firehose.Options{})
	s.fake.Fault = func(_ string, when awsfake.When) error {
		if when == awsfake.Before {
			return awsfake.Says("AccessDeniedException", "User is not authorized to perform: firehose:PutRecordBatch on resource: arn:x")
		}
		return nil
	}
	p := parts(2, 10, 100)
	_, err := s.sink.Write(t.Context(), "s", span(p), p)
	var u *lake.Undelivered
	if !errors.As(err, &u) || u.First != lake.Pos(1) || u.Parts != 2 || !errors.Is(err, awsapi.ErrDenied) {
		t.Fatal(err)
	}
	if !strings.Contains(err.Error(), "firehose:PutRecordBatch") || s.sink.Stats().Calls != 1 {
		t.Errorf("%v; %+v", err, s.sink.Stats())
	}

	s = start(t, firehose.Options{})
	s.fake.Fault = func(string, awsfake.When) error {
		return awsfake.Says("ResourceNotFoundException", "Firehose lake-raw under account 1 not found.")
	}
	if _, err := s.sink.Write(t.Context(), "s", span(p), p); !errors.Is(err, lake.ErrNotFound) || !strings.Contains(err.Error(), "lake-raw") {
		t.Error(err)
	}
}

// stuck is a service that never answers.
type stuck struct{ calls atomic.Int64 }

func (s *stuck) PutRecordBatch(ctx context.Context, _ *sdk.PutRecordBatchInput, _ ...func(*sdk.Options)) (*sdk.PutRecordBatchOutput, error) {
	s.calls.Add(1)
	<-ctx.Done()
	return nil, ctx.Err()
}

func TestDeadlineIsKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 40*time.Second)
		defer cancel()
		client := &stuck{}
		sink, err := firehose.New(client, firehose.Options{Stream: "s", Direct: keeper{&lake.Part{}}, Timeout: 15 * time.Second})
		if err != nil {
			t.Fatal(err)
		}
		begin := time.Now()
		p := parts(1, 10, 100)
		_, err = sink.Write(ctx, "s", span(p), p)
		var u *lake.Undelivered
		if !errors.As(err, &u) || u.First != lake.Pos(1) {
			t.Fatal(err)
		}
		if took := time.Since(begin); took > 40*time.Second || client.calls.Load() != 3 {
			t.Fatalf("%d calls in %s", client.calls.Load(), took)
		}
	})
}

// broken is a direct sink that fails.
type broken struct{ err error }

func (b broken) Write(context.Context, lake.ShardID, lake.Span, []lake.Part) ([]lake.File, error) {
	return nil, b.err
}

func TestDirectSinkThatFailsIsUndelivered(t *testing.T) {
	cause := errors.New("no such bucket")
	for name, c := range map[string]struct {
		err   error
		first uint64
	}{
		"all of it":  {cause, 4},
		"some of it": {&lake.Undelivered{First: lake.Pos(9), Parts: 1, Err: cause}, 9},
	} {
		s := start(t, firehose.Options{Partitions: 3, Direct: broken{c.err}})
		p := append(parts(3, 10, 200), parts(6, 10, 100)[3:]...) // the first three have more bytes
		_, err := s.sink.Write(t.Context(), "s", span(p), p)
		var u *lake.Undelivered
		if !errors.As(err, &u) || u.First != lake.Pos(c.first) || !errors.Is(err, cause) {
			t.Errorf("%s: %v", name, err)
		}
		if st := s.sink.Stats(); st.Lines != 30 || st.Direct != 0 {
			t.Errorf("%s: %+v", name, st)
		}
	}
}
