package s3_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"testing"

	sdk "github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/aws/s3"
	"github.com/eventlake/lake/laketest/awsfake"
)

// lingering fails the first try to send each body and keeps it, beside what it
// held: net/http may read the body of a request that has ended until it notices.
type lingering struct {
	s3.Client
	puts, parts int
	kept        []io.Reader
	held        [][]byte
}

func (l *lingering) fail(body io.Reader) error {
	held, err := io.ReadAll(body)
	if err != nil {
		return err
	}
	again, ok := body.(io.Seeker)
	if !ok {
		return errors.New("a body that cannot be sent again")
	}
	if _, err := again.Seek(0, io.SeekStart); err != nil {
		return err
	}
	l.kept, l.held = append(l.kept, body), append(l.held, held)
	return awsfake.Says("SlowDown", "later")
}

func (l *lingering) PutObject(ctx context.Context, in *sdk.PutObjectInput, o ...func(*sdk.Options)) (*sdk.PutObjectOutput, error) {
	if l.puts++; l.puts%2 == 1 {
		return nil, l.fail(in.Body)
	}
	return l.Client.PutObject(ctx, in, o...)
}

func (l *lingering) UploadPart(ctx context.Context, in *sdk.UploadPartInput, o ...func(*sdk.Options)) (*sdk.UploadPartOutput, error) {
	if l.parts++; l.parts%2 == 1 {
		return nil, l.fail(in.Body)
	}
	return l.Client.UploadPart(ctx, in, o...)
}

// TestWhatAFailedTryStillSendsIsItsOwn: neither the next part nor the next
// object is written into the memory of a body that may still be read.
func TestWhatAFailedTryStillSendsIsItsOwn(t *testing.T) {
	client := &lingering{Client: awsfake.NewS3(2)}
	s := onFake(t, client)
	const objects = 6
	for n := range uint64(objects) {
		key, data := lake.Key(fmt.Sprint("object-", n)), random(n, 300)
		if n%2 == 1 {
			data = random(n, 2*part+1000)
		}
		if _, err := s.Create(t.Context(), key, writing(data)); err != nil {
			t.Fatal(err)
		}
		if got := read(t, s, key); !bytes.Equal(got, data) {
			t.Fatalf("%s has other bytes", key)
		}
	}
	if want := objects/2 + 3*objects/2; len(client.kept) != want {
		t.Errorf("%d tries failed, want %d", len(client.kept), want)
	}
	for i, body := range client.kept {
		got, err := io.ReadAll(body)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, client.held[i]) {
			t.Errorf("the body of failed try %d, %d bytes, has changed", i, len(got))
		}
	}
}

func read(t *testing.T, s *s3.Store, key lake.Key) []byte {
	t.Helper()
	o, err := s.Open(t.Context(), key)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := o.Close(); err != nil {
			t.Error(err)
		}
	}()
	b, err := io.ReadAll(o)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
