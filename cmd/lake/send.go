package main

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/client"
	"github.com/eventlake/lake/collect"
	"github.com/eventlake/lake/config"
)

// sendFlags are the flags of lake send.
type sendFlags struct {
	url, key, source   string
	ca                 string
	connections, batch int
	compress, resume   bool
	patience           time.Duration
}

func newSend(a *app) *cobra.Command {
	var f sendFlags
	c := &cobra.Command{
		Use: "send FILE...", Short: "Send files of events to a lake",
		Long: `Send events to a lake over HTTP and wait until each is stored. A file holds one JSON object a line, an array
of objects, or objects one after another, plain or compressed with gzip or zstd; - is standard input. What fails
is sent again: the lake drops by id what it has already, so sending a file twice is safe too. An interrupted
send leaves FILE.lake-sent, from which --resume goes on.`,
		Example: "  lake send events.ndjson.gz\n  lake send --url https://lake.example.com --key $KEY export/*.json.zst\n" +
			"  lake send --source github --resume 2026-03-01.json.gz\n  tail -F app.log | lake send -\n  lake gen --events 1000000 | lake send -",
		Args: cobra.MinimumNArgs(1),
		RunE: func(c *cobra.Command, files []string) error {
			if f.resume && slices.Contains(files, "-") {
				return &usageError{lake.Errorf(lake.ErrInvalid, "leave --resume out: sending again is safe", "standard input cannot be resumed")}
			}
			if err := f.check(); err != nil {
				return &usageError{err}
			}
			return a.send(c.Context(), f, files)
		},
	}
	fs := c.Flags()
	fs.StringVar(&f.url, "url", "", "the lake (default $LAKE_URL, else where this configuration listens)")
	fs.StringVar(&f.key, "key", "", "write key (default $LAKE_KEY)")
	fs.StringVar(&f.ca, "ca", "", caUsage)
	fs.StringVar(&f.source, "source", "", "source of the events, for a lake that asks for no key")
	fs.IntVar(&f.connections, "connections", 4, fmt.Sprintf("requests at a time, 1 to %d", maxConnections))
	fs.IntVar(&f.batch, "batch", 1000, fmt.Sprintf("most events a request, 1 to %d; a request has about 1 MiB besides", maxBatch))
	fs.BoolVar(&f.compress, "compress", false, "compress requests with zstd, for slow networks")
	fs.BoolVar(&f.resume, "resume", false, "go on where an interrupted send of the file ended")
	fs.DurationVar(&f.patience, "patience", time.Minute, "give up after so long without a success")
	return c
}

const (
	maxConnections = 1000
	maxBatch       = 100_000
)

// check returns ErrInvalid for numbers that mean nothing.
func (f *sendFlags) check() error {
	switch {
	case f.connections < 1 || f.connections > maxConnections:
		return lake.Errorf(lake.ErrInvalid, fmt.Sprintf("use 1 to %d", maxConnections), "--connections %d", f.connections)
	case f.batch < 1 || f.batch > maxBatch:
		return lake.Errorf(lake.ErrInvalid, fmt.Sprintf("use 1 to %d", maxBatch), "--batch %d", f.batch)
	case f.patience <= 0:
		return lake.Errorf(lake.ErrInvalid, "use a time from 1ms on, e.g. 24h", "--patience %s", f.patience)
	}
	return nil
}

// send sends the files one after another.
func (a *app) send(ctx context.Context, f sendFlags, files []string) error {
	cfg, err := a.config()
	if err != nil {
		return err
	}
	o := client.Options{URL: a.lakeURL(f.url, cfg), Key: f.key, BatchEvents: f.batch, Connections: f.connections,
		Compress: f.compress, Patience: f.patience, Logger: a.quiet(cfg)}
	if o.Key == "" {
		o.Key = a.getenv("LAKE_KEY")
	}
	if o.CA, err = a.authorities(f.ca); err != nil {
		return err
	}
	if f.source != "" {
		if err := lake.SourceID(f.source).Validate(); err != nil {
			return &usageError{err}
		}
		o.Header = http.Header{collect.HeaderSource: {f.source}}
	}
	c, err := client.New(o)
	if err != nil {
		return &usageError{err}
	}
	a.unfinished = "sending again is safe"
	total := client.Report{Reasons: map[lake.Reason]int64{}}
	for _, file := range files {
		var report client.Report
		report, err = a.sendFile(ctx, c, o.URL, file, f.resume)
		total.Add(report)
		if err != nil {
			break
		}
	}
	if err == nil || total.Acknowledged() > 0 {
		err = errors.Join(err, a.printSent(total))
	}
	if err == nil && total.Dropped > 0 {
		err = lake.Errorf(lake.ErrLimit, "an event may have 1 MiB, and no more than limits.request_bytes there; nothing else is missing", "%s events were left out", count(total.Dropped))
	}
	return err
}

// sendFile sends one file, with progress.
func (a *app) sendFile(ctx context.Context, c *client.Client, url, file string, resume bool) (report client.Report, err error) {
	in, err := a.input(ctx, file)
	if err != nil {
		return report, err
	}
	defer func() { err = errors.Join(err, in.Close()) }()
	var from int64
	var state *client.Resume
	if file != "-" {
		if state, err = client.LoadResume(file, url); err != nil {
			return report, err
		}
		if resume {
			from = state.Events()
			if err := client.Skip(in, from); err != nil {
				return report, err
			}
		}
	}
	bar := a.progress(file, "events")
	done := from
	report, err = c.Send(ctx, in, client.Hooks{
		Prefix:   func(n int64) { done = from + n },
		Progress: func(r client.Report) { bar.at(r.Acknowledged(), expected(in, r)) },
	})
	bar.done()
	if state == nil || done == 0 && !resume {
		return report, err
	}
	if err == nil {
		return report, state.Done()
	}
	if saving := state.Save(done); saving != nil {
		fmt.Fprintf(a.err, "%s: %v; send the whole file again, that is safe\n", file, saving)
	} else {
		fmt.Fprintf(a.err, "%s: the first %s events are stored; go on with --resume\n", file, count(done))
	}
	return report, err
}

// input opens a file, or standard input for "-".
func (a *app) input(ctx context.Context, file string) (*client.Input, error) {
	if file == "-" {
		return client.NewInput("standard input", a.stdin(ctx))
	}
	return client.Open(file)
}

// expected estimates how many events the input has, from those that came out of
// the bytes read so far; 0 when it cannot be told.
func expected(in *client.Input, r client.Report) int64 {
	if in.Size() == 0 || in.Read() == 0 {
		return 0
	}
	if in.Read() >= in.Size() {
		return r.Events
	}
	return int64(float64(r.Events) * float64(in.Size()) / float64(in.Read()))
}

// printSent says what became of the events.
func (a *app) printSent(r client.Report) error {
	if a.json {
		return a.printJSON(r)
	}
	fmt.Fprintf(a.out, "%s events stored in %s (%s/s): %s accepted, %s quarantined",
		count(r.Acknowledged()), r.Elapsed.Round(10*time.Millisecond), count(int64(r.Rate())), count(r.Accepted), count(r.Quarantined))
	if len(r.Reasons) > 0 {
		var reasons []string
		for reason, n := range r.Reasons {
			reasons = append(reasons, fmt.Sprintf("%s %s", reason, count(n)))
		}
		slices.Sort(reasons)
		fmt.Fprintf(a.out, " (%s)", strings.Join(reasons, ", "))
	}
	fmt.Fprintln(a.out)
	if r.Quarantined > 0 {
		fmt.Fprintln(a.err, "see why with: lake quarantine list")
	}
	return nil
}

// lakeURL is where to send: the flag, the environment, or where a lake with
// this configuration listens.
func (a *app) lakeURL(flag string, cfg config.Config) string {
	if flag != "" {
		return flag
	}
	if url := a.getenv("LAKE_URL"); url != "" {
		return url
	}
	host, port, err := net.SplitHostPort(cfg.Listen)
	if err != nil || host == "" || net.ParseIP(host).IsUnspecified() {
		host = "127.0.0.1"
	}
	scheme := "http"
	if cfg.TLS.Cert != "" {
		scheme = "https"
	}
	return scheme + "://" + net.JoinHostPort(host, port)
}

const caUsage = "file of certificates in PEM to trust besides the system's, for https (default $LAKE_CA)"

// authorities are those of the file that the flag or LAKE_CA names; nil when
// neither does.
func (a *app) authorities(flag string) (*x509.CertPool, error) {
	file := flag
	if file == "" {
		file = a.getenv("LAKE_CA")
	}
	if file == "" {
		return nil, nil
	}
	pool, err := client.LoadCA(file)
	if err != nil {
		return nil, &usageError{err}
	}
	return pool, nil
}

// getenv looks a variable up in the app's environment; "" when it is not set.
func (a *app) getenv(name string) string {
	for _, entry := range slices.Backward(a.env) {
		if value, ok := strings.CutPrefix(entry, name+"="); ok {
			return value
		}
	}
	return ""
}
