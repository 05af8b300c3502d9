package aws

import (
	"bytes"
	"fmt"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/eventlake/lake/aws/kinesis"
)

// TestNumbers measures everything and writes it as a document to the file that
// LAKE_AWS_NUMBERS names; make bench-aws does.
func TestNumbers(t *testing.T) {
	path := os.Getenv("LAKE_AWS_NUMBERS")
	if path == "" {
		t.Skip("make bench-aws measures: LAKE_AWS_NUMBERS names no file")
	}
	d := &document{t: t}
	d.say("# What the lake on AWS costs\n\n<!-- written by make bench-aws -->\n")
	d.say("Measured by `make bench-aws`: %s, %s/%s, %d processors%s. The Lambdas are the bootstraps that are deployed, built for this machine, on an "+
		"emulated Lambda (`laketest/awslocal/lambda`); what they ask of AWS is answered at once by a process beside them. Events are generated, about 500 bytes "+
		"each, in 28 types and subtypes; all are new and sound, the dearest kind.\n", runtime.Version(), runtime.GOOS, runtime.GOARCH, runtime.NumCPU(), load())
	d.processor()
	d.memory()
	d.starts()
	d.units()
	if err := os.WriteFile(path, d.text.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
	t.Logf("%s:\n%s", path, d.text.String())
}

// load is what others do on this machine meanwhile.
func load() string {
	text, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return ""
	}
	return ", load " + strings.Fields(string(text))[0]
}

// document is the text so far.
type document struct {
	t    *testing.T
	text bytes.Buffer
}

func (d *document) say(format string, args ...any) { fmt.Fprintf(&d.text, format+"\n", args...) }

// row writes a line of a table.
func (d *document) row(cells ...any) {
	for _, c := range cells {
		fmt.Fprintf(&d.text, "| %v ", c)
	}
	d.text.WriteString("|\n")
}

// head begins a table.
func (d *document) head(cells ...any) {
	d.row(cells...)
	d.text.WriteString(strings.Repeat("|---", len(cells)) + "|\n")
}

// processor is lambda-ingest without network and SDK.
func (d *document) processor() {
	d.say("## Processor time of lambda-ingest\n")
	d.say("Without the SDK and its requests (`go test -bench Ingest ./bench/aws`); the goal is 10 µs an event.\n")
	d.head("events a batch", "aggregated records: CPU an event", "compressed with zstd: CPU an event")
	for _, n := range sizes {
		d.row(number(n), d.perEvent(n, false), d.perEvent(n, true))
	}
	d.say("")
}

func (d *document) perEvent(n int, compress bool) string {
	in := payload(d.t, made(1, n), 0, compress)
	var spent time.Duration
	r := testing.Benchmark(func(b *testing.B) {
		w := newWorkbench(b)
		w.run(b, in)
		begun := cpu(b)
		b.ResetTimer()
		for range b.N {
			w.run(b, in)
		}
		spent = (cpu(b) - begun) / time.Duration(b.N)
	})
	if r.N == 0 {
		d.t.Fatal("nothing was measured")
	}
	return micros(spent / time.Duration(n))
}

// memory is the bootstrap with everything, in three sizes.
func (d *document) memory() {
	d.say("## Memory of lambda-ingest, and its processor time with the SDK\n")
	d.say("`GOMEMLIMIT` is 85 %% of the function's memory, as Terraform sets it. The CPU includes one signed HTTP request for each claim.\n")
	d.head("events a batch", "memory", "most memory used", "CPU an event", "claim writes an event", "receipt writes a batch")
	for _, n := range sizes {
		for _, m := range memories {
			r := runIngest(d.t, n, m, 10_000)
			batch := number(n)
			if r.compressed {
				batch += " (zstd: plain is over the 6 MB of a payload)"
			}
			d.row(batch, fmt.Sprintf("%d MB", m), fmt.Sprintf("%d MB", r.rss>>20), micros(r.cpu), fmt.Sprintf("%.2f", r.claims), fmt.Sprintf("%.1f", r.receipts))
			if r.rss > int64(m)<<20 {
				d.t.Errorf("%d events in %d MB take %d MB", n, m, r.rss>>20)
			}
		}
	}
	d.say("\nA batch writes one receipt, and one item more when a process meets a new hour of a shard. A process that\nhas just begun reads the list of names once, and again when it meets a name that is not on it.\n")
}

// starts is the cold start of each Lambda.
func (d *document) starts() {
	d.say("## Cold starts\n")
	d.say("From the start of the process to its first request for work, the median of five; what AWS does before that is not in it.\n")
	d.head("function", "program", "zip", "cold start", "memory after the first call")
	for _, name := range []string{"collect", "ingest", "curate", "replay", "audit"} {
		c := startCold(d.t, name, 5)
		d.row("lambda-"+name, fmt.Sprintf("%.1f MB", float64(c.program)/1e6), fmt.Sprintf("%.1f MB", float64(c.zipped)/1e6),
			fmt.Sprintf("%d ms", c.init.Milliseconds()), fmt.Sprintf("%d MB", c.rss>>20))
	}
	d.say("")
}

// units is what the services bill.
func (d *document) units() {
	d.say("## Kinesis, for events of 512 bytes\n")
	d.say("On-demand streams bill each record in KiB, provisioned ones in units of %d KiB. Unpacked, an event is 1 KiB and one unit. The goal is 0.55 KiB.\n", kinesis.Unit>>10)
	d.head("events a request", "requests at once", "KiB an event", "units an event", "KiB an event, with zstd")
	for _, c := range []struct{ request, requests, atOnce int }{{1, 2000, 1}, {10, 500, 1}, {100, 100, 1}, {1000, 20, 1}, {10, 2000, 64}} {
		plain := put(d.t, c.request, c.requests, c.atOnce, false)
		small := put(d.t, c.request, c.requests, c.atOnce, true)
		events := float64(plain.Events)
		d.row(number(c.request), c.atOnce, fmt.Sprintf("%.3f", float64(plain.KiB)/events), fmt.Sprintf("%.4f", float64(plain.Units)/events), fmt.Sprintf("%.3f", float64(small.KiB)/events))
	}
	d.say("\n## Firehose\n")
	d.say("Each record is billed as a multiple of 5 KiB; lines of a batch are joined. The goal is 1.05 bytes billed a byte sent.\n")
	d.head("events a batch", "bytes billed a byte sent", "joined by nobody")
	for _, n := range sizes {
		s := joined(d.t, n)
		d.row(number(n), fmt.Sprintf("%.3f", float64(s.Billed)/float64(s.Sent)), fmt.Sprintf("%.1f", float64(s.Lines)*5120/float64(s.Sent)))
	}
	d.say("\n## S3 objects\n")
	d.say("An object a partition and buffer: 28 partitions here, more with more types.\n")
	d.head("events an hour", "who writes", "events", "objects", "PUTs an event")
	for _, c := range []struct {
		hourly, events int
		who            string
		objects        func(testing.TB, int) int
	}{
		{1_000, 17, "lambda-ingest, a batch a minute", direct},
		{1_000_000, 83_333, "Firehose, 5 minutes", delivered},
	} {
		n := c.objects(d.t, c.events)
		d.row(number(c.hourly), c.who, number(c.events), n, fmt.Sprintf("%.5f", float64(n)/float64(c.events)))
	}
	d.say("")
}

func micros(d time.Duration) string {
	return fmt.Sprintf("%.1f µs", float64(d)/float64(time.Microsecond))
}

// number writes 10000 as 10,000.
func number(n int) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
