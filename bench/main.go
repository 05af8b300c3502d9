// Command bench measures the whole way: it starts a lake, sends generated
// events to it from several connections for a while, waits until all of them
// are in tables, and prints what it cost the lake's process.
//
//	go run ./bench --bin bin/lake --for 60s
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/eventlake/lake/client"
	"github.com/eventlake/lake/gen"
)

// options are what is measured.
type options struct {
	bin         string
	data        string
	duration    time.Duration
	connections int
	batch       int
	rate        int // events a second; 0 is as many as the lake takes
}

func main() {
	var o options
	flag.StringVar(&o.bin, "bin", "bin/lake", "lake binary to measure")
	flag.StringVar(&o.data, "data", "", "data directory; default: a new temporary one, removed afterwards")
	flag.DurationVar(&o.duration, "for", time.Minute, "how long to send")
	flag.IntVar(&o.connections, "connections", 8, "connections that send at once")
	flag.IntVar(&o.batch, "batch", 100, "events a POST")
	flag.IntVar(&o.rate, "rate", 0, "events a second over all connections; 0: as many as the lake takes")
	asJSON := flag.Bool("json", false, "print JSON")
	in := flag.String("duckdb-in", "", "be the peer: read this NDJSON with DuckDB")
	out := flag.String("duckdb-out", "", "and write this Parquet")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	if *in != "" {
		err := duckdb(ctx, *in, *out)
		stop()
		exit(err)
	}
	r, err := measure(ctx, o)
	if err == nil {
		r.DuckDB, err = runPeer(ctx, o)
	}
	stop()
	if err != nil {
		exit(err)
	}
	if *asJSON {
		exit(json.NewEncoder(os.Stdout).Encode(r))
	}
	r.print(os.Stdout)
}

func exit(err error) {
	if err == nil {
		os.Exit(0)
	}
	fmt.Fprintln(os.Stderr, "bench:", err)
	os.Exit(1)
}

// result is what a measurement shows. Times of the process are user + system.
type result struct {
	Events       int64         `json:"events"`
	Bytes        int64         `json:"bytes"`
	Sending      time.Duration `json:"sending_ns"`
	Settled      time.Duration `json:"settled_ns"` // from the first event until the last was in a table
	CPU          time.Duration `json:"cpu_ns"`
	AckP50       time.Duration `json:"ack_p50_ns"`
	AckP99       time.Duration `json:"ack_p99_ns"`
	Visible      time.Duration `json:"visible_ns"` // median from 202 to the row in SQL, idle lake
	PeakRSS      int64         `json:"peak_rss"`
	Refused      int64         `json:"refused"` // POSTs that were made again, after a 503 for instance
	Unique       int64         `json:"unique"`
	Duplicate    int64         `json:"duplicate"`
	RawFiles     int64         `json:"raw_files"`
	BytesOnDisk  int64         `json:"disk_bytes"`
	CPUPerEvent  float64       `json:"cpu_us_per_event"`
	Sustained    float64       `json:"events_per_second"`
	Backlog      int64         `json:"backlog"` // events not yet in tables when sending ended
	EventBytes   float64       `json:"event_bytes"`
	CoresPercent float64       `json:"cores_percent"`
	DuckDB       peer          `json:"duckdb"`
}

func (r *result) print(w io.Writer) {
	row := func(what, format string, args ...any) {
		fmt.Fprintf(w, "%-37s "+format+"\n", append([]any{what}, args...)...)
	}
	row("events sent (average bytes)", "%d (%.0f)", r.Events, r.EventBytes)
	row("CPU of the lake, us an event", "%.2f", r.CPUPerEvent)
	row("events a second, into tables", "%.0f", r.Sustained)
	row("not in tables when sending ended", "%d", r.Backlog)
	row("acknowledged, p50 / p99", "%v / %v", r.AckP50.Round(10*time.Microsecond), r.AckP99.Round(10*time.Microsecond))
	row("from 202 to SQL, idle, median", "%v", r.Visible.Round(time.Millisecond))
	row("peak memory, MB", "%d", r.PeakRSS>>20)
	row("unique / duplicate", "%d / %d", r.Unique, r.Duplicate)
	row("raw files", "%d", r.RawFiles)
	row("POSTs made again", "%d", r.Refused)
	row("DuckDB, file to Parquet, us an event", "%.2f, %d MB", r.DuckDB.CPUPerEvent, r.DuckDB.PeakRSS>>20)
	row("the lake against that", "%s times the CPU", times(r.CPUPerEvent, r.DuckDB.CPUPerEvent))
}

func measure(ctx context.Context, o options) (r *result, err error) {
	if o.data == "" {
		if o.data, err = os.MkdirTemp("", "lake-bench-"); err != nil {
			return nil, err
		}
		defer func() { err = errors.Join(err, os.RemoveAll(o.data)) }()
	}
	l, err := startLake(ctx, o)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, l.stop()) }()
	cpu0, err := l.cpu()
	if err != nil {
		return nil, err
	}
	start := time.Now()
	r = &result{}
	if err := l.load(ctx, o, r); err != nil {
		return nil, err
	}
	r.Sending = time.Since(start)
	st, err := l.status(ctx)
	if err != nil {
		return nil, err
	}
	r.Backlog = st.Lag + st.ToTable
	for st.Lag+st.ToTable > 0 {
		time.Sleep(100 * time.Millisecond)
		if st, err = l.status(ctx); err != nil {
			return nil, err
		}
	}
	r.Settled = time.Since(start)
	cpu1, err := l.cpu()
	if err != nil {
		return nil, err
	}
	r.CPU = cpu1 - cpu0
	r.Unique, r.Duplicate, r.RawFiles = st.Books.Unique, st.Books.Duplicate, st.RawFiles
	r.CPUPerEvent = float64(r.CPU.Nanoseconds()) / float64(r.Events) / 1000
	r.Sustained = float64(r.Events) / r.Settled.Seconds()
	r.EventBytes = float64(r.Bytes) / float64(r.Events)
	r.CoresPercent = 100 * r.CPU.Seconds() / r.Settled.Seconds()
	if r.Visible, err = l.visible(ctx); err != nil {
		return nil, err
	}
	r.PeakRSS, err = l.peak()
	return r, err
}

// load sends until the time is over.
func (l *lakeProcess) load(ctx context.Context, o options, r *result) error {
	ctx, cancel := context.WithTimeout(ctx, o.duration)
	defer cancel()
	var mu sync.Mutex
	var acks []time.Duration
	var failed error
	var wg sync.WaitGroup
	for c := range o.connections {
		wg.Go(func() {
			g := generator(c, time.Now())
			var mine []time.Duration
			var events, bytes, refused int64
			var body []byte
			var err error
			for ctx.Err() == nil && err == nil {
				body = body[:0]
				for range o.batch {
					body, _ = g.Next(body)
					body = append(body, '\n')
				}
				t := time.Now()
				var ack client.Ack
				// A batch that was begun is sent to its end, so that the counts are right.
				if ack, err = l.events.Post(context.WithoutCancel(ctx), client.Batch{Events: o.batch, Body: body}); err == nil {
					mine = append(mine, time.Since(t))
				}
				events, bytes, refused = events+int64(o.batch), bytes+int64(len(body)), refused+int64(ack.Retries)
				if o.rate > 0 {
					time.Sleep(time.Duration(o.connections*o.batch) * time.Second / time.Duration(o.rate))
				}
			}
			mu.Lock()
			defer mu.Unlock()
			acks = append(acks, mine...)
			r.Events, r.Bytes, r.Refused = r.Events+events, r.Bytes+bytes, r.Refused+refused
			failed = errors.Join(failed, err)
		})
	}
	wg.Wait()
	if len(acks) == 0 {
		return errors.Join(failed, errors.New("nothing was acknowledged"))
	}
	slices.Sort(acks)
	r.AckP50, r.AckP99 = acks[len(acks)/2], acks[len(acks)*99/100]
	return failed
}

// generator makes the events of one connection: 5 % of them twice, over two days.
func generator(connection int, now time.Time) *gen.Generator {
	return gen.New(gen.Options{Seed: uint64(connection + 1), Events: 1 << 40, Duplicates: 0.05, Start: now.Add(-48 * time.Hour), Span: 48 * time.Hour})
}

// visible measures the time from 202 to the row in SQL.
func (l *lakeProcess) visible(ctx context.Context) (time.Duration, error) {
	var all []time.Duration
	for i := range 5 {
		id := fmt.Sprintf("marker-%d", i)
		line := fmt.Sprintf(`{"event_uuid":%q,"event_name":"marker:seen","created_at":%d}`, id, time.Now().Unix())
		if _, err := l.events.Post(ctx, client.Batch{Events: 1, Body: []byte(line + "\n")}); err != nil {
			return 0, err
		}
		t := time.Now()
		for {
			found, err := l.count(ctx, fmt.Sprintf("select count(*) n from marker where event_uuid = '%s'", id))
			if err != nil {
				return 0, err
			}
			if found {
				break
			}
			time.Sleep(20 * time.Millisecond)
		}
		all = append(all, time.Since(t))
	}
	slices.Sort(all)
	return all[len(all)/2], nil
}

// lakeProcess is the lake that is measured.
type lakeProcess struct {
	o      options
	cmd    *exec.Cmd
	url    string
	client *http.Client
	events *client.Client
	log    bytes.Buffer
}

func startLake(ctx context.Context, o options) (*lakeProcess, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	addr := listener.Addr().String()
	if err := listener.Close(); err != nil {
		return nil, err
	}
	bin, err := filepath.Abs(o.bin)
	if err != nil {
		return nil, err
	}
	l := &lakeProcess{o: o, url: "http://" + addr, client: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: o.connections + 1}}}
	if l.events, err = client.New(client.Options{URL: l.url, Connections: o.connections, HTTPClient: l.client}); err != nil {
		return nil, err
	}
	l.cmd = exec.Command(bin, "up", "--data", o.data, "--listen", addr)
	l.cmd.Stdout, l.cmd.Stderr = &l.log, &l.log
	if err := l.cmd.Start(); err != nil {
		return nil, err
	}
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		resp, err := l.client.Get(l.url + "/readyz")
		if err == nil {
			if err := resp.Body.Close(); err != nil {
				return nil, err
			}
			if resp.StatusCode == http.StatusOK {
				return l, nil
			}
		}
		if ctx.Err() != nil {
			break
		}
	}
	return nil, errors.Join(errors.New("the lake is not ready: "+l.log.String()), l.stop())
}

func (l *lakeProcess) stop() error {
	if err := l.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	return l.cmd.Wait()
}

// count reports whether a count in SQL is at least 1.
func (l *lakeProcess) count(ctx context.Context, sql string) (bool, error) {
	in, err := json.Marshal(map[string]string{"sql": sql})
	if err != nil {
		return false, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, l.url+"/v1/sql", bytes.NewReader(in))
	if err != nil {
		return false, err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Accept", "text/csv")
	resp, err := l.client.Do(req)
	if err != nil {
		return false, err
	}
	text, err := io.ReadAll(resp.Body)
	if err := errors.Join(err, resp.Body.Close()); err != nil {
		return false, err
	}
	return resp.StatusCode == http.StatusOK && strings.Contains(string(text), "\n1"), nil
}

// state is what is read of `lake status`.
type state struct {
	Lag      int64 `json:"lag"`
	ToTable  int64 `json:"to_table"`
	RawFiles int64 `json:"raw_files"`
	Books    struct {
		Unique    int64 `json:"unique"`
		Duplicate int64 `json:"duplicate"`
	} `json:"books"`
}

func (l *lakeProcess) status(ctx context.Context) (s state, err error) {
	out, err := exec.CommandContext(ctx, l.cmd.Path, "status", "--data", l.o.data, "--json").Output()
	if err != nil {
		return s, fmt.Errorf("lake status: %w", err)
	}
	return s, json.Unmarshal(out, &s)
}

// clockTicks is USER_HZ, which is 100 on every Linux that Go supports.
const clockTicks = 100

// cpu is the user and system time of the process so far.
func (l *lakeProcess) cpu() (time.Duration, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", l.cmd.Process.Pid))
	if err != nil {
		return 0, err
	}
	f := strings.Fields(string(b[bytes.LastIndexByte(b, ')')+1:]))
	var user, system int64
	if _, err := fmt.Sscan(f[11]+" "+f[12], &user, &system); err != nil {
		return 0, err
	}
	return time.Duration(user+system) * time.Second / clockTicks, nil
}

// peak is the largest resident size of the process in bytes.
func (l *lakeProcess) peak() (int64, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", l.cmd.Process.Pid))
	if err != nil {
		return 0, err
	}
	_, rest, _ := strings.Cut(string(b), "VmHWM:")
	var kb int64
	_, err = fmt.Sscan(rest, &kb)
	return kb << 10, err
}
