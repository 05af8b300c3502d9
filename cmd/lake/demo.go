package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/assemble"
	"github.com/eventlake/lake/audit"
	"github.com/eventlake/lake/client"
	"github.com/eventlake/lake/config"
	"github.com/eventlake/lake/gen"
	"github.com/eventlake/lake/testdata"
)

// demoConfig maps GitHub's events; the generated ones need no mapping.
const demoConfig = `# Written by lake demo.
sources:
  github:
    event: {id: id, type: type, subtype: payload.action, time: created_at}
`

func newDemo(a *app) *cobra.Command {
	d := &demo{app: a, dir: "demo-data"}
	c := &cobra.Command{
		Use: "demo", Short: "See it work: real and generated events, two kills, SQL, the proof",
		Long: `Start a lake in ./demo-data, or where --data says (an old demo there is removed), send it 800 real events of GitHub's timeline and
a million generated ones with duplicates, late and broken events over HTTP, kill it with SIGKILL twice on the
way, and compare what SQL answers with what was generated. Takes a minute or two.`,
		Example: "  lake demo\n  lake demo --events 100000 --data /tmp/demo",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if data := c.Flags().Lookup("data"); data.Changed {
				d.dir = data.Value.String()
			}
			return d.run(c.Context())
		},
	}
	c.Flags().IntVar(&d.events, "events", 1_000_000, "generated events")
	return c
}

// demo is one run of the demonstration.
type demo struct {
	*app
	dir    string
	events int   // generated ones
	github int64 // real ones that were sent
	lake   *child
}

func (d *demo) say(format string, args ...any) { fmt.Fprintf(d.out, format+"\n", args...) }

func (d *demo) run(ctx context.Context) (err error) {
	began := time.Now()
	if err := d.prepare(); err != nil {
		return err
	}
	d.say("A lake gets real events and %s generated ones, is killed twice meanwhile, and must have each exactly once in the end.\n", count(int64(d.events)))
	if d.lake, err = startChild(ctx, d.dir); err != nil {
		return err
	}
	defer func() {
		if d.lake != nil {
			err = errors.Join(err, d.lake.stop())
		}
	}()
	d.say("1. a lake is up on %s, its data in %s", d.lake.url, d.dir)
	if err := d.sendGitHub(ctx); err != nil {
		return err
	}
	truth, err := d.sendGenerated(ctx)
	if err != nil {
		return err
	}
	if err := d.settle(ctx); err != nil {
		return err
	}
	d.say("4. everything is in tables, %s after the start", time.Since(began).Round(time.Second))
	if err := d.show(ctx, truth); err != nil {
		return err
	}
	err = d.lake.stop()
	d.lake = nil
	if err != nil {
		return err
	}
	return d.prove(ctx)
}

// prepare makes the directory anew, but never removes what is no demo's.
func (d *demo) prepare() error {
	marker := filepath.Join(d.dir, "lake.yaml")
	text, err := os.ReadFile(marker)
	switch {
	case err == nil && string(text) == demoConfig:
		if err := os.RemoveAll(d.dir); err != nil {
			return err
		}
	case err == nil || !errors.Is(err, os.ErrNotExist):
		return lake.Errorf(lake.ErrExists, "name another with --data", "%s is not a demo's directory (%v)", d.dir, err)
	default:
		if entries, err := os.ReadDir(d.dir); err == nil && len(entries) > 0 {
			return lake.Errorf(lake.ErrExists, "name another with --data", "%s is not empty and not a demo's directory", d.dir)
		}
	}
	if err := os.MkdirAll(d.dir, 0o755); err != nil {
		return err
	}
	return os.WriteFile(marker, []byte(demoConfig), 0o644)
}

func (d *demo) client(source string) (*client.Client, error) {
	return client.New(client.Options{
		URL: d.lake.url, Header: http.Header{"X-Lake-Source": {source}}, Patience: 2 * time.Minute,
		Backoff: func(int) time.Duration { return 50 * time.Millisecond },
	})
}

func (d *demo) sendGitHub(ctx context.Context) (err error) {
	in, err := client.NewInput("github", bytes.NewReader(testdata.GitHub))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, in.Close()) }()
	c, err := d.client("github")
	if err != nil {
		return err
	}
	r, err := c.Send(ctx, in, client.Hooks{})
	if err != nil {
		return err
	}
	d.github = r.Events
	d.say("2. %s real events of GitHub's timeline sent: %s accepted, %s quarantined", count(r.Events), count(r.Accepted), count(r.Quarantined))
	return nil
}

// generated is the generator as the client's input.
type generated struct {
	*gen.Generator
	line []byte
}

func (g *generated) Next() ([]byte, error) {
	line, ok := g.Generator.Next(g.line[:0])
	if !ok {
		return nil, io.EOF
	}
	g.line = line
	return line, nil
}

// sendGenerated sends the generated events and kills the lake twice meanwhile.
func (d *demo) sendGenerated(ctx context.Context) (gen.Truth, error) {
	o := gen.Defaults()
	o.Events, o.Start = d.events, time.Now().Add(-73*time.Hour).Truncate(time.Hour)
	g := &generated{Generator: gen.New(o)}
	c, err := d.client(string(lake.DefaultSource))
	if err != nil {
		return gen.Truth{}, err
	}
	d.say("3. sending %s generated events: %.0f %% duplicates, %.0f %% late, %.1f %% broken", count(int64(d.events)), 100*o.Duplicates, 100*o.Late, 100*o.Malformed)
	killAt := []int64{int64(d.events) * 3 / 10, int64(d.events) * 7 / 10}
	kill := make(chan int64)
	killed := make(chan error, 1)
	bar := d.progress("sent", "events")
	go func() { killed <- d.killer(ctx, kill, bar) }()
	r, err := c.Send(ctx, g, client.Hooks{Progress: func(r client.Report) {
		bar.at(r.Acknowledged(), int64(d.events))
		for len(killAt) > 0 && r.Acknowledged() >= killAt[0] {
			killAt = killAt[1:]
			kill <- r.Acknowledged()
		}
	}})
	close(kill)
	bar.done()
	if err := errors.Join(err, <-killed); err != nil {
		return gen.Truth{}, err
	}
	d.say("   %s acknowledged, %s a second; %s requests were sent again because the lake was dead",
		count(r.Acknowledged()), count(int64(r.Rate())), count(r.Retries))
	return g.Truth(), nil
}

// killer kills the lake and starts it again, as often as it is told to.
func (d *demo) killer(ctx context.Context, when <-chan int64, bar *progress) error {
	var errs []error
	for n := range when {
		start := time.Now()
		err := d.lake.kill()
		if err == nil {
			err = d.lake.start(ctx)
		}
		if err != nil {
			errs = append(errs, err)
			continue
		}
		bar.aside(d.out, "   SIGKILL at %s events; up again in %s", count(n), time.Since(start).Round(time.Millisecond))
	}
	return errors.Join(errs...)
}

func (d *demo) settle(ctx context.Context) (err error) {
	cfg, err := d.lakeConfig()
	if err != nil {
		return err
	}
	s, err := d.open(ctx, cfg)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	for {
		var st assemble.Status
		if err := s.do(ctx, assemble.OpStatus, struct{}{}, nil, &st); err != nil {
			return err
		}
		if st.Lag == 0 && st.ToTable == 0 {
			return nil
		}
		if err := lake.Sleep(ctx, 100*time.Millisecond); err != nil {
			return err
		}
	}
}

func (d *demo) lakeConfig() (config.Config, error) {
	return config.Load(filepath.Join(d.dir, "lake.yaml"), d.env, config.Overrides{"data": d.dir})
}

// show asks SQL and compares the answers with what was generated.
func (d *demo) show(ctx context.Context, truth gen.Truth) error {
	cfg, err := d.lakeConfig()
	if err != nil {
		return err
	}
	for _, sql := range []string{
		"select event_type, count(*) as events, count(distinct day) as days from events where source = 'github' group by 1 order by 2 desc limit 5",
		"select event_type, count(*) as events from events where source = 'default' group by 1 order by 2 desc",
		demoSum,
	} {
		d.say("\n   %s sql --data %s \"%s\"", program(), d.dir, sql)
		if err := d.withEngineOf(ctx, cfg, sql, "table", d.out); err != nil {
			return err
		}
	}
	var got bytes.Buffer
	if err := d.withEngineOf(ctx, cfg, demoSum, "csv", &got); err != nil {
		return err
	}
	want := fmt.Sprintf("events,cents\n%d,%d\n", truth.Unique, truth.Cents)
	if normalLines(got.String()) != want {
		return fmt.Errorf("the generator made %q, SQL says %q", want, got.String())
	}
	d.say("\n5. SQL and the generator agree: %s unique events, %s cents", count(truth.Unique), count(truth.Cents))
	return nil
}

const demoSum = "select (select count(*) from events where source = 'default') as events, (select sum(amount_cents)::bigint from payment) as cents"

func normalLines(s string) string {
	return string(bytes.ReplaceAll([]byte(s), []byte("\r\n"), []byte("\n")))
}

// prove verifies the stopped lake and says what to try next.
func (d *demo) prove(ctx context.Context) (err error) {
	cfg, err := d.lakeConfig()
	if err != nil {
		return err
	}
	s, err := d.open(ctx, cfg)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	d.say("\n6. the lake is stopped, and its books are recounted from the files: %s verify --data %s\n", program(), d.dir)
	var r audit.Report
	if err := s.do(ctx, assemble.OpVerify, struct{}{}, nil, &r); err != nil {
		return err
	}
	d.printReport(&r)
	if !r.OK() {
		return &silent{"the books do not balance"}
	}
	if again := r.Accepted - int64(d.events) - d.github; again > 0 {
		d.say("(%s more than were sent: requests that a kill cut off had been stored, and came again)", count(again))
	}
	d.say("\nTry next:")
	try := [][2]string{
		{"sql --data " + d.dir, "a session: .tables, .schema payment, .help"},
		{"tail --data " + d.dir + " -n 3", "the last events, as they were sent"},
		{"quarantine list --data " + d.dir + " --summary", "what was refused, and why"},
		{"rebuild --data " + d.dir + " --dry-run --type payment", "the table again from raw, compared row by row"},
		{"up --data " + d.dir + " --config " + filepath.Join(d.dir, "lake.yaml"), "the lake again; send it your own: " + program() + " send FILE"},
	}
	width := 0
	for _, t := range try {
		width = max(width, len(t[0]))
	}
	for _, t := range try {
		d.say("  %s %-*s   %s", program(), width, t[0], t[1])
	}
	return nil
}

// program is how the caller named this program.
func program() string { return os.Args[0] }
