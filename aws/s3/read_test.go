package s3_test

import (
	"bytes"
	"errors"
	"io"
	"sync"
	"testing"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/laketest/awsfake"
)

// short is a body that breaks off after some bytes.
type short struct {
	io.ReadCloser
	left int
}

func (s *short) Read(p []byte) (int, error) {
	if s.left == 0 {
		return 0, io.ErrUnexpectedEOF
	}
	n, err := s.ReadCloser.Read(p[:min(len(p), s.left)])
	s.left -= n
	return n, err
}

func TestReadGoesOnWhereAnAnswerBrokeOff(t *testing.T) {
	fake := awsfake.NewS3(10)
	data := random(1, 3<<20)
	fake.Put("p/k", data)
	bodies := 0
	fake.Body = func(b io.ReadCloser) io.ReadCloser {
		if bodies++; bodies%3 == 0 {
			return b
		}
		return &short{b, 100_000 * (bodies % 3)}
	}
	o, err := onFake(t, fake).Open(t.Context(), "k")
	if err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(o)
	if err != nil || !bytes.Equal(got, data) {
		t.Fatalf("%d bytes, %v", len(got), err)
	}
	if bodies < 5 {
		t.Fatalf("only %d answers", bodies)
	}
	at := make([]byte, 2<<20)
	if _, err := o.ReadAt(at, 1000); err != nil || !bytes.Equal(at, data[1000:1000+len(at)]) {
		t.Fatal(err)
	}
	if err := o.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestAnswersThatAlwaysBreakOffAreAnError(t *testing.T) {
	fake := awsfake.NewS3(10)
	fake.Put("p/k", random(1, 3<<20))
	o, err := onFake(t, fake).Open(t.Context(), "k")
	if err != nil {
		t.Fatal(err)
	}
	fake.Body = func(b io.ReadCloser) io.ReadCloser { return &short{b, 0} }
	if n, err := io.ReadAll(o); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Fatalf("%d bytes, %v", len(n), err)
	}
	if _, err := o.ReadAt(make([]byte, 10), 2<<20); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Fatal(err)
	}
	if err := o.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestReplacedObjectIsNeverMixed(t *testing.T) {
	fake := awsfake.NewS3(10)
	fake.Put("p/k", random(1, 1<<20))
	o, err := onFake(t, fake).Open(t.Context(), "k")
	if err != nil {
		t.Fatal(err)
	}
	fake.Put("p/k", random(2, 1<<20))
	if _, err := o.ReadAt(make([]byte, 10), 900_000); !errors.Is(err, lake.ErrStale) {
		t.Errorf("at: %v", err)
	}
	if _, err := io.ReadAll(o); !errors.Is(err, lake.ErrStale) {
		t.Errorf("read: %v", err)
	}
	if err := o.Close(); err != nil {
		t.Error(err)
	}
}

// TestRequestsOfUsualReads: what a read costs.
func TestRequestsOfUsualReads(t *testing.T) {
	for _, c := range []struct {
		name string
		size int
		read func(o lake.Object) error
		want int
	}{
		{"a small object, whole", 200 << 10, func(o lake.Object) error {
			_, err := io.Copy(io.Discard, o)
			return err
		}, 1},
		{"a large object, whole", 20 << 20, func(o lake.Object) error {
			_, err := io.Copy(io.Discard, o)
			return err
		}, 2},
		{"a Parquet footer: length, then the footer before it", 20 << 20, func(o lake.Object) error {
			if _, err := o.ReadAt(make([]byte, 8), o.Size()-8); err != nil {
				return err
			}
			_, err := o.ReadAt(make([]byte, 100_000), o.Size()-100_008)
			return err
		}, 2},
		{"a footer, a filter before it, then one column", 40 << 20, func(o lake.Object) error {
			for _, part := range []struct{ off, n int64 }{
				{o.Size() - 8, 8}, {o.Size() - 20_008, 20_000}, {o.Size() - 20_008 - 8<<20, 8 << 20}, {100, 16 << 20},
			} {
				if _, err := o.ReadAt(make([]byte, part.n), part.off); err != nil {
					return err
				}
			}
			return nil
		}, 4},
		{"four columns by turns, a page at a time", 20 << 20, func(o lake.Object) error {
			for page := range int64(32) {
				for column := range int64(4) {
					if _, err := o.ReadAt(make([]byte, 8<<10), column*(4<<20)+1<<20+page*8<<10); err != nil {
						return err
					}
				}
			}
			return nil
		}, 5},
	} {
		fake := awsfake.NewS3(10)
		fake.Put("p/k", make([]byte, c.size))
		o, err := onFake(t, fake).Open(t.Context(), "k")
		if err != nil {
			t.Fatal(err)
		}
		if err := c.read(o); err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		if got := fake.Calls("GetObject"); got != c.want {
			t.Errorf("%s: %d requests, want %d", c.name, got, c.want)
		}
		if err := o.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestReadAtFromManyGoroutines(t *testing.T) {
	fake := awsfake.NewS3(10)
	data := random(7, 5<<20)
	fake.Put("p/k", data)
	o, err := onFake(t, fake).Open(t.Context(), "k")
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			for i := range 200 {
				off := (i*7919*(g+1) + g) % len(data)
				p := make([]byte, 1+(i*3001)%400_000)
				n, err := o.ReadAt(p, int64(off))
				want := min(len(p), len(data)-off)
				if n != want || !bytes.Equal(p[:n], data[off:off+n]) || (err == nil) != (n == len(p)) || err != nil && !errors.Is(err, io.EOF) {
					t.Errorf("%d bytes at %d: %d, %v", len(p), off, n, err)
					return
				}
			}
		})
	}
	wg.Wait()
	if err := o.Close(); err != nil {
		t.Fatal(err)
	}
}
