package awsapi_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/aws/awsapi"
)

// patient is a Retry that notes its pauses and does not wait.
func patient(r *awsapi.Retry) *[]time.Duration {
	var pauses []time.Duration
	r.Wait = func(ctx context.Context, d time.Duration) error {
		pauses = append(pauses, d)
		return ctx.Err()
	}
	return &pauses
}

func TestRetryEndsAtSuccess(t *testing.T) {
	r := awsapi.Retry{Base: time.Second, Max: 4 * time.Second}
	pauses := patient(&r)
	calls := 0
	err := r.Do(t.Context(), func(context.Context) error {
		if calls++; calls < 6 {
			return generic("ThrottlingException", "")
		}
		return nil
	})
	if err != nil || calls != 6 || r.Again() != 5 {
		t.Fatalf("%v after %d calls, %d again", err, calls, r.Again())
	}
	for i, longest := range []time.Duration{time.Second, 2 * time.Second, 4 * time.Second, 4 * time.Second, 4 * time.Second} {
		if p := (*pauses)[i]; p <= 0 || p > longest {
			t.Errorf("pause %d is %s, more than %s", i, p, longest)
		}
	}
}

func TestRetryGivesUp(t *testing.T) {
	for _, c := range []struct {
		name  string
		err   error
		calls int
		is    error
	}{
		{"at once, when it cannot pass", generic("ConditionalCheckFailedException", ""), 1, lake.ErrStale},
		{"at once, when nobody knows it", errors.New("what"), 1, nil},
		{"after so many tries", generic("SlowDown", ""), 4, lake.ErrFull},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := awsapi.Retry{Tries: 4}
			patient(&r)
			calls := 0
			err := r.Do(t.Context(), func(context.Context) error { calls++; return c.err })
			if calls != c.calls || !errors.Is(err, c.err) || c.is != nil && !errors.Is(err, c.is) {
				t.Fatalf("%v after %d calls", err, calls)
			}
		})
	}
}

// TestRetryLeavesTimeBeforeTheDeadline: a pause that would end behind the
// deadline is not begun.
func TestRetryLeavesTimeBeforeTheDeadline(t *testing.T) {
	const long = 100_000 * time.Hour // pauses are drawn: one below the deadline never is
	r := awsapi.Retry{Base: long, Max: long}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	calls := 0
	err := r.Do(ctx, func(context.Context) error { calls++; return generic("SlowDown", "") })
	if !errors.Is(err, lake.ErrFull) || calls != 1 || ctx.Err() != nil {
		t.Fatalf("%v after %d calls, context %v", err, calls, ctx.Err())
	}
}

// TestRetryUsesTheTimeThatThereIs: a deadline bounds the tries better than a
// number; without one there must be a number.
func TestRetryUsesTheTimeThatThereIs(t *testing.T) {
	long, cancel := context.WithTimeout(t.Context(), time.Hour)
	defer cancel()
	for ctx, want := range map[context.Context]int{long: 100, t.Context(): 10} {
		r := awsapi.Retry{}
		patient(&r)
		calls := 0
		err := r.Do(ctx, func(context.Context) error {
			if calls++; calls == 100 {
				return nil
			}
			return generic("SlowDown", "")
		})
		if calls != want || (err == nil) != (want == 100) {
			t.Errorf("%v after %d calls, want %d", err, calls, want)
		}
	}
}

func TestRetryEndsWithTheContext(t *testing.T) {
	r := awsapi.Retry{Base: time.Hour, Max: time.Hour}
	ctx, cancel := context.WithCancel(t.Context())
	calls := 0
	err := r.Do(ctx, func(context.Context) error {
		if calls++; calls == 1 {
			time.AfterFunc(time.Millisecond, cancel)
		}
		return generic("SlowDown", "")
	})
	if !errors.Is(err, lake.ErrFull) || calls != 1 {
		t.Fatalf("%v after %d calls", err, calls)
	}
}
