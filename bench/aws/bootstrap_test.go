package aws

import (
	"archive/zip"
	"bytes"
	"cmp"
	"compress/flate"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"github.com/eventlake/lake/laketest/awslocal"
	"github.com/eventlake/lake/laketest/awslocal/lambda"
)

// memories are the sizes of lambda-ingest that are measured, in MB.
var memories = []int{128, 256, 512}

// start makes a function that talks to the services; its memory limit is what
// Terraform sets.
func start(t testing.TB, s *services, name string, memory int, log io.Writer) *lambda.Function {
	t.Helper()
	f, err := lambda.New(lambda.Config{
		Name: "lake-bench-" + name, Bootstrap: awslocal.Bootstrap(t, name), MemoryMB: memory, Timeout: 2 * time.Minute, InitLimit: time.Minute,
		Concurrency: 1, Env: s.env(fmt.Sprintf("%dMiB", memory*85/100)), Log: log,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	})
	return f
}

// invoke calls a function, which must not fail.
func invoke(t testing.TB, f *lambda.Function, in []byte) lambda.Report {
	t.Helper()
	result, err := f.Invoke(t.Context(), in)
	if err != nil || bytes.Contains(result.Payload, []byte("itemIdentifier")) {
		t.Fatalf("%s: %s, %v", f.Name(), result.Payload, err)
	}
	return result.Report
}

// inMemory is what lambda-ingest takes of a machine with one batch size and one
// memory size.
type inMemory struct {
	events, memory int
	cpu            time.Duration // an event
	rss            int64
	claims         float64 // writes an event
	receipts       float64 // writes a batch
	compressed     bool
}

// runIngest calls the real bootstrap with batches until so many events are
// settled.
func runIngest(t testing.TB, n, memory, total int) inMemory {
	t.Helper()
	s := newServices(t)
	f := start(t, s, "ingest", memory, nil)
	out := inMemory{events: n, memory: memory}
	var spent time.Duration
	batches := max(1, total/n)
	for i := range batches + 1 {
		all := made(uint64(i), n)
		in := payload(t, all, i*1000, false)
		if len(in) > lambda.PayloadLimit {
			in, out.compressed = payload(t, all, i*1000, true), true
		}
		r := invoke(t, f, in)
		if i > 0 { // the first one starts the process
			spent += r.CPU
		}
		out.rss = max(out.rss, r.MaxRSS)
	}
	out.cpu = spent / time.Duration(batches*n)
	out.claims = float64(s.count("PutItem claims")) / float64((batches+1)*n)
	out.receipts = float64(s.count("PutItem ledger")) / float64(batches+1)
	return out
}

// cold is how a Lambda starts.
type cold struct {
	name    string
	program int64         // bytes
	zipped  int64         // bytes
	init    time.Duration // the median
	rss     int64
}

// firstCall is a payload that each function answers with nothing to do.
func firstCall(t testing.TB, name string) []byte {
	t.Helper()
	var in any
	switch name {
	case "collect":
		request := events.APIGatewayV2HTTPRequest{RawPath: "/healthz"}
		request.RequestContext.HTTP.Method = "GET"
		in = request
	case "ingest":
		in = events.KinesisEvent{Records: []events.KinesisEventRecord{}}
	case "replay":
		in = map[string]string{"target": "drain"}
	default:
		in = map[string]string{}
	}
	text, err := json.Marshal(in)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// startCold starts a function some times.
func startCold(t testing.TB, name string, times int) cold {
	t.Helper()
	program := awslocal.Bootstrap(t, name)
	info, err := os.Stat(program)
	if err != nil {
		t.Fatal(err)
	}
	out := cold{name: name, program: info.Size()}
	if out.zipped, err = zipSize(program); err != nil {
		t.Fatal(err)
	}
	var inits []time.Duration
	for range times {
		f := start(t, newServices(t), name, 512, nil)
		r := invoke(t, f, firstCall(t, name))
		inits, out.rss = append(inits, r.Init), max(out.rss, r.MaxRSS)
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
	}
	slices.SortFunc(inits, cmp.Compare[time.Duration])
	out.init = inits[len(inits)/2]
	return out
}

// counter counts what is written.
type counter int64

func (c *counter) Write(p []byte) (int, error) { *c += counter(len(p)); return len(p), nil }

// zipSize is the size of a program's zip file.
func zipSize(path string) (size int64, err error) {
	in, err := os.Open(path)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, in.Close()) }()
	var c counter
	z := zip.NewWriter(&c)
	z.RegisterCompressor(zip.Deflate, func(w io.Writer) (io.WriteCloser, error) { return flate.NewWriter(w, flate.BestCompression) })
	w, err := z.Create("bootstrap")
	if err != nil {
		return 0, err
	}
	if _, err := io.Copy(w, in); err != nil {
		return 0, err
	}
	err = z.Close()
	return int64(c), err
}
