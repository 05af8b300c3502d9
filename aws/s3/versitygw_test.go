package s3_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	sdk "github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/aws/s3"
	"github.com/eventlake/lake/laketest/storetest"
)

// versitygw starts an S3 server of another make than moto, on a socket in a
// new directory, and ends it with the test.
func versitygw(t *testing.T) *sdk.Client {
	t.Helper()
	program, err := filepath.Abs("../../.tools/versitygw-v1.8.0")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(program); err != nil {
		t.Skipf("NOT TESTED against a second S3 server: run make versitygw (3 minutes): %v", err)
	}
	dir, err := os.MkdirTemp("", "s3-") // shorter than t.TempDir: a socket's path has at most 104 bytes
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	socket, data := filepath.Join(dir, "s"), filepath.Join(dir, "data")
	if err := os.Mkdir(data, 0o700); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	cmd := exec.Command(program, "--port", socket, "--access", "test", "--secret", "testtest", "--quiet", "posix", "--sidecar", dir+"/meta", data)
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := os.Mkdir(dir+"/meta", 0o700); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(cmd.Process.Kill(), ignoreExit(cmd.Wait())); err != nil {
			t.Error(err)
		}
		if t.Failed() {
			t.Log(out.String())
		}
	})
	transport := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", socket)
	}}
	t.Cleanup(transport.CloseIdleConnections)
	client := s3.NewClient(aws.Config{
		Region: "us-east-1", Credentials: credentials.NewStaticCredentialsProvider("test", "testtest", ""),
		BaseEndpoint: aws.String("http://localhost"), HTTPClient: &http.Client{Transport: transport},
	})
	for deadline := time.Now().Add(30 * time.Second); ; {
		_, err := client.ListBuckets(t.Context(), &sdk.ListBucketsInput{})
		if err == nil {
			return client
		}
		if time.Now().After(deadline) {
			t.Fatalf("the server does not answer: %v", err)
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// ignoreExit drops the error of a process that was killed.
func ignoreExit(err error) error {
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return nil
	}
	return err
}

func TestContractOnVersityGW(t *testing.T) {
	client := versitygw(t)
	var n atomic.Int64
	storetest.Suite(t, func(t *testing.T) (lake.Store, func() lake.Store) {
		o := s3.Options{Bucket: bucket(t, client, fmt.Sprintf("lake-%d", n.Add(1))), Prefix: "a/lake"}
		// This server keeps keys as paths and answers 409 to a Create that meets
		// the removal of its empty directory; S3 has no directories. An object
		// that is no key of the lake keeps the suite's busiest one.
		if _, err := client.PutObject(t.Context(), &sdk.PutObjectInput{Bucket: &o.Bucket, Key: aws.String("a/lake/p/q/r/.keep")}); err != nil {
			t.Fatal(err)
		}
		return open(t, client, o), func() lake.Store { return open(t, client, o) }
	})
}

func TestPartsOnVersityGW(t *testing.T) {
	client := versitygw(t)
	s := open(t, client, s3.Options{Bucket: bucket(t, client, "parts"), PartBytes: part})
	for _, size := range []int{part, part + 1, 2*part + 12345} {
		key := lake.Key(fmt.Sprint("k", size))
		data := random(1, size)
		for range 2 {
			if info, err := s.Create(t.Context(), key, writing(data)); err != nil || info.Bytes != int64(size) {
				t.Fatalf("%d bytes: %+v %v", size, info, err)
			}
		}
		if _, err := s.Create(t.Context(), key, writing(random(2, size))); !errors.Is(err, lake.ErrExists) {
			t.Fatalf("%d bytes: %v", size, err)
		}
		o, err := s.Open(t.Context(), key)
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(o)
		if err != nil || !bytes.Equal(got, data) {
			t.Fatalf("%d bytes: read %d, %v", size, len(got), err)
		}
		if err := o.Close(); err != nil {
			t.Fatal(err)
		}
	}
}
