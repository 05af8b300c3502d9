package firehose_test

import (
	"compress/gzip"
	"errors"
	"io"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/aws/awsapi"
	"github.com/eventlake/lake/aws/firehose"
	"github.com/eventlake/lake/aws/s3"
	"github.com/eventlake/lake/laketest/awsfake"
	emulator "github.com/eventlake/lake/laketest/awslocal/firehose"
	"github.com/eventlake/lake/raw"
)

// TestWhatIsDelivered follows lines through the SDK and a delivery stream that
// is set up with this package's expressions, throttles, loses answers and
// delivers twice, to the objects in the bucket: each line is in the directory
// of its partition, at least once.
func TestWhatIsDelivered(t *testing.T) {
	const seed = 3
	t.Logf("seed %d", seed)
	bucket := awsfake.NewS3(100)
	stream, err := emulator.NewStream(bucket, emulator.Config{
		Name: "lake-raw", Bucket: "lake", Prefix: firehose.Prefix, ErrorPrefix: firehose.ErrorPrefix,
		FileExtension: firehose.FileExtension, Gzip: true, JQ: firehose.JQ, SubRecordType: firehose.SubRecordType, Append: "\n",
		Faults: emulator.Faults{Seed: seed, Throttle: 0.2, Entry: 0.2, Lost: 0.2, Repeat: 0.1, Upload: 0.1},
	})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(emulator.NewServer(stream))
	defer server.Close()
	client := firehose.NewClient(aws.Config{
		Region: "us-east-1", Credentials: credentials.NewStaticCredentialsProvider("test", "test", ""), BaseEndpoint: &server.URL,
	})
	store := open(t, bucket)
	gz, err := raw.NewCompressor(store, 1)
	if err != nil {
		t.Fatal(err)
	}
	sink, err := firehose.New(client, firehose.Options{
		Stream: "lake-raw", Direct: raw.NewWriter(gz, nil), Retry: &awsapi.Retry{Tries: 50, Base: time.Microsecond, Max: time.Millisecond},
	})
	if err != nil {
		t.Fatal(err)
	}

	p := append(parts(40, 300, 300), part(t, lake.Name{}, `{"event_uuid":"1","event_name":"a/b:c",`+when+`}`))
	want := map[string][]string{}
	for i := range p {
		want[raw.Root+p[i].Partition.Dir()] = slices.Sorted(strings.Lines(string(p[i].Lines)))
	}
	if _, err := sink.Write(t.Context(), "s", span(p), p); err != nil {
		t.Fatal(err)
	}
	if err := stream.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}

	got, repeats := map[string][]string{}, 0
	for info, err := range store.List(t.Context(), "") {
		if err != nil {
			t.Fatal(err)
		}
		dir := string(info.Key[:strings.LastIndexByte(string(info.Key), '/')])
		got[dir] = slices.AppendSeq(got[dir], strings.Lines(unpacked(t, store, info.Key)))
	}
	for dir, lines := range got {
		slices.Sort(lines)
		once := slices.Compact(slices.Clone(lines))
		repeats += len(lines) - len(once)
		if !slices.Equal(once, want[dir]) {
			t.Errorf("%s has %d lines, want %d", dir, len(once), len(want[dir]))
		}
	}
	st := stream.Stats()
	if len(got) != len(want) || st.Errors != 0 || repeats == 0 || st.Refused == 0 {
		t.Errorf("%d directories, want %d; %d repeats; %+v", len(got), len(want), repeats, st)
	}
}

func open(t *testing.T, bucket s3.Client) *s3.Store {
	t.Helper()
	store, err := s3.New(bucket, s3.Options{Bucket: "lake"})
	if err != nil {
		t.Fatal(err)
	}
	return store
}

func unpacked(t *testing.T, store lake.Store, key lake.Key) string {
	t.Helper()
	o, err := store.Open(t.Context(), key)
	if err != nil {
		t.Fatal(err)
	}
	zip, err := gzip.NewReader(o)
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(zip)
	if err = errors.Join(err, o.Close()); err != nil {
		t.Fatal(err)
	}
	return string(text)
}
