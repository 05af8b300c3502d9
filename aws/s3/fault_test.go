package s3_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/aws/awsapi"
	"github.com/eventlake/lake/aws/s3"
	"github.com/eventlake/lake/laketest/awsfake"
	"github.com/eventlake/lake/laketest/storetest"
)

const part = 5 << 20

// onFake opens a store whose retries do not wait.
func onFake(t *testing.T, fake s3.Client) *s3.Store {
	t.Helper()
	retry := &awsapi.Retry{Wait: func(ctx context.Context, _ time.Duration) error { return ctx.Err() }}
	return open(t, fake, s3.Options{Bucket: "lake", Prefix: "p", PartBytes: part, Retry: retry})
}

// random are bytes that follow from the seed.
func random(seed uint64, n int) []byte {
	b := make([]byte, n)
	r := rand.New(rand.NewPCG(seed, 0))
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return b
}

func writing(data []byte) func(io.Writer) error {
	return func(w io.Writer) error {
		_, err := w.Write(data)
		return err
	}
}

func TestContractOnFake(t *testing.T) {
	storetest.Suite(t, func(t *testing.T) (lake.Store, func() lake.Store) {
		fake := awsfake.NewS3(2)
		return onFake(t, fake), func() lake.Store { return onFake(t, fake) }
	})
}

// script uses every operation and returns the first error.
func script(ctx context.Context, s *s3.Store, small, large []byte) error {
	for range 2 { // the second time it is there
		for _, key := range []lake.Key{"small", "large", "gone"} {
			data := small
			if key == "large" {
				data = large
			}
			info, err := s.Create(ctx, key, writing(data))
			if err != nil {
				return err
			}
			if info.Bytes != int64(len(data)) {
				return fmt.Errorf("info %+v", info)
			}
		}
	}
	o, err := s.Open(ctx, "large")
	if err != nil {
		return err
	}
	got, err := io.ReadAll(o)
	if err != nil {
		return errors.Join(err, o.Close())
	}
	tail := make([]byte, 300)
	if _, err := o.ReadAt(tail, o.Size()-300); err != nil {
		return errors.Join(err, o.Close())
	}
	if err := o.Close(); err != nil {
		return err
	}
	if !bytes.Equal(got, large) || !bytes.Equal(tail, large[len(large)-300:]) {
		return errors.New("other bytes")
	}
	if err := s.Delete(ctx, "gone"); err != nil {
		return err
	}
	n := 0
	for _, err := range s.List(ctx, "") {
		if err != nil {
			return err
		}
		n++
	}
	if n != 2 {
		return fmt.Errorf("%d objects", n)
	}
	return nil
}

func TestPassingFaultsAreNotSeen(t *testing.T) {
	small, large := random(1, 1000), random(2, part+1)
	kinds := map[string]func() error{
		"throttled": func() error { return awsfake.Says("SlowDown", "Please reduce your request rate.") },
		"lost":      awsfake.Lost,
		"internal":  func() error { return awsfake.Says("InternalError", "We encountered an internal error.") },
		"conflict":  func() error { return awsfake.Says("ConditionalRequestConflict", "") },
	}
	runs := 0
	for name, kind := range kinds {
		for _, when := range []awsfake.When{awsfake.Before, awsfake.After} {
			for n := 1; ; n++ {
				calls, fired := 0, ""
				fake := awsfake.NewS3(1)
				fake.Fault = func(operation string, w awsfake.When) error {
					if w != when {
						return nil
					}
					if calls++; calls != n {
						return nil
					}
					fired = operation
					return kind()
				}
				if err := script(t.Context(), onFake(t, fake), small, large); err != nil {
					t.Fatalf("%s at call %d (%s, %d): %v", name, n, fired, when, err)
				}
				if fired == "" {
					break
				}
				runs++
				left := 0
				if fired == "CreateMultipartUpload" && when == awsfake.After {
					left = 1 // nobody has learned its id
				}
				if fake.Uploads() != left {
					t.Errorf("%s at call %d (%s, %d): %d uploads are left", name, n, fired, when, fake.Uploads())
				}
			}
		}
	}
	if runs < 4*2*20 {
		t.Fatalf("only %d faults fired", runs)
	}
	t.Logf("%d faults", runs)
}

func TestDeniedNamesActionAndObject(t *testing.T) {
	small, large := random(1, 1000), random(2, 2*part+1)
	seen := map[string]bool{}
	for n := 1; ; n++ {
		calls, fired := 0, ""
		fake := awsfake.NewS3(1)
		fake.Fault = func(operation string, when awsfake.When) error {
			if when == awsfake.After {
				return nil
			}
			if calls++; calls == n {
				fired = operation
				return awsfake.Says("AccessDenied", "Access Denied")
			}
			return nil
		}
		err := script(t.Context(), onFake(t, fake), small, large)
		if fired == "" {
			break
		}
		seen[fired] = true
		if fired == "AbortMultipartUpload" {
			continue // the object was there already; only the cleaning up failed
		}
		if !errors.Is(err, awsapi.ErrDenied) {
			t.Fatalf("%s: %v", fired, err)
		}
		text := err.Error() + " " + lake.Hint(err)
		if !strings.Contains(text, "s3://lake/p/") || !strings.Contains(text, "s3:") {
			t.Errorf("%s: the message names no object or no action: %s", fired, text)
		}
		if fake.Uploads() != 0 {
			t.Errorf("%s: %d uploads are left", fired, fake.Uploads())
		}
	}
	if len(seen) != 9 {
		t.Fatalf("the script makes only %v", seen)
	}
}

// TestLostAnswerOfEveryTry: each try has its effect and no answer.
func TestLostAnswerOfEveryTry(t *testing.T) {
	for _, size := range []int{10, part + 1} {
		fake := awsfake.NewS3(10)
		fake.Fault = func(operation string, when awsfake.When) error {
			if when == awsfake.After && (operation == "PutObject" || operation == "CompleteMultipartUpload") {
				return awsfake.Lost()
			}
			return nil
		}
		s := onFake(t, fake)
		if _, err := s.Create(t.Context(), "k", writing(random(1, size))); err != nil {
			t.Fatalf("%d bytes: %v", size, err)
		}
		if _, err := s.Create(t.Context(), "k", writing(random(2, size))); !errors.Is(err, lake.ErrExists) {
			t.Fatalf("%d bytes: %v", size, err)
		}
	}
}

func TestServiceThatStaysAwayIsAnError(t *testing.T) {
	fake := awsfake.NewS3(10)
	fake.Fault = func(_ string, when awsfake.When) error {
		if when == awsfake.Before {
			return awsfake.Says("ServiceUnavailable", "Reduce your request rate.")
		}
		return nil
	}
	_, err := onFake(t, fake).Create(t.Context(), "k", writing([]byte("x")))
	if !errors.Is(err, lake.ErrFull) {
		t.Fatal(err)
	}
}

func TestMissingBucketIsNoMissingObject(t *testing.T) {
	fake := awsfake.NewS3(10)
	fake.Fault = func(string, awsfake.When) error {
		return awsfake.Says("NoSuchBucket", "The specified bucket does not exist")
	}
	s := onFake(t, fake)
	_, created := s.Create(t.Context(), "k", writing([]byte("x")))
	_, opened := s.Open(t.Context(), "k")
	deleted := s.Delete(t.Context(), "k")
	var listed error
	for _, err := range s.List(t.Context(), "") {
		listed = err
	}
	for _, err := range []error{created, opened, deleted, listed} {
		if !errors.Is(err, s3.ErrNoBucket) || errors.Is(err, lake.ErrNotFound) || !strings.Contains(err.Error(), "s3://lake") || lake.Hint(err) == "" {
			t.Errorf("%v", err)
		}
	}
}

// TestObjectOfAnotherProgramIsComparedByItsBytes: there is no checksum to ask for.
func TestObjectOfAnotherProgramIsComparedByItsBytes(t *testing.T) {
	fake := awsfake.NewS3(10)
	s := onFake(t, fake)
	for _, size := range []int{0, 1, 700_000} {
		key := lake.Key(fmt.Sprint("k", size))
		fake.Put("p/"+string(key), random(1, size))
		if _, err := s.Create(t.Context(), key, writing(random(1, size))); err != nil {
			t.Errorf("same %d bytes: %v", size, err)
		}
		if _, err := s.Create(t.Context(), key, writing(random(2, max(1, size)))); !errors.Is(err, lake.ErrExists) {
			t.Errorf("other %d bytes: %v", size, err)
		}
	}
}

// TestWhoCreatesSecondAfterADelete: the first try meets an object that is gone
// when it is looked at.
func TestWhoCreatesSecondAfterADelete(t *testing.T) {
	fake := awsfake.NewS3(10)
	refused := 0
	fake.Fault = func(operation string, when awsfake.When) error {
		if operation == "PutObject" && when == awsfake.Before && refused < 3 {
			refused++
			return awsfake.Says("PreconditionFailed", "")
		}
		return nil
	}
	if _, err := onFake(t, fake).Create(t.Context(), "k", writing([]byte("x"))); err != nil {
		t.Fatal(err)
	}
}

func TestFailedWriteOrEndedContextLeavesNoUpload(t *testing.T) {
	broken := errors.New("broken")
	for name, c := range map[string]struct {
		fail func(cancel func()) error
		want error
	}{
		"write":   {func(func()) error { return broken }, broken},
		"context": {func(cancel func()) error { cancel(); return nil }, context.Canceled},
	} {
		ctx, cancel := context.WithCancel(t.Context())
		fake := awsfake.NewS3(10)
		_, err := onFake(t, fake).Create(ctx, "k", func(w io.Writer) error {
			if _, err := w.Write(make([]byte, 2*part+1)); err != nil {
				return err
			}
			if fake.Uploads() != 1 {
				t.Errorf("%s: nothing was sent yet", name)
			}
			return c.fail(cancel)
		})
		cancel()
		if !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
		if fake.Uploads() != 0 {
			t.Errorf("%s: an upload is left", name)
		}
	}
}

// TestDroppedWriteErrorIsNoObject: who writes does not look at the error.
func TestDroppedWriteErrorIsNoObject(t *testing.T) {
	fake := awsfake.NewS3(10)
	fake.Fault = func(operation string, _ awsfake.When) error {
		if operation == "UploadPart" {
			return awsfake.Says("AccessDenied", "")
		}
		return nil
	}
	_, err := onFake(t, fake).Create(t.Context(), "k", func(w io.Writer) error {
		w.Write(make([]byte, 3*part)) //nolint:errcheck // this is the test
		return nil
	})
	if !errors.Is(err, awsapi.ErrDenied) || fake.Calls("CompleteMultipartUpload") != 0 {
		t.Fatal(err)
	}
}
