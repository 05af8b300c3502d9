package pool_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/laketest/enginetest"
	"github.com/eventlake/lake/local/duckdb"
	"github.com/eventlake/lake/query"
	"github.com/eventlake/lake/query/pool"
)

// isProcess in the environment makes the test binary one of the pool's.
const isProcess = "LAKE_TEST_SQL_PROCESS"

func TestMain(m *testing.M) {
	if os.Getenv(isProcess) == "" {
		os.Exit(m.Run())
	}
	if err := pool.Serve(context.Background(), os.Stdin, os.Stdout, answerer); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// setup says what the process answers with: the statements of odd, or DuckDB.
type setup struct {
	Odd    bool
	Memory int64
	Root   string
}

func answerer(ctx context.Context, raw json.RawMessage) (query.Answerer, func() error, error) {
	var s setup
	if err := json.Unmarshal(raw, &s); err != nil {
		return nil, nil, err
	}
	if s.Odd {
		return odd{}, func() error { return nil }, nil
	}
	if s.Root == "" {
		return nil, nil, lake.Errorf(lake.ErrNotFound, "name one", "no directory")
	}
	tables := enginetest.NewTables(s.Root)
	e, err := duckdb.Open(ctx, duckdb.Config{Catalog: tables, Root: s.Root, MemoryLimit: s.Memory, Threads: 2})
	if err != nil {
		return nil, nil, err
	}
	return query.Direct(e, query.Bounds{}), e.Close, nil
}

// odd does what its statement says, and heeds nothing.
type odd struct{}

func (odd) Answer(ctx context.Context, q query.Question, w io.Writer) (query.Answered, error) {
	word, arg, _ := strings.Cut(q.SQL, " ")
	n, err := strconv.Atoi(arg)
	if err != nil {
		n = 1
	}
	switch word {
	case "pid":
		_, err := fmt.Fprint(w, os.Getpid())
		return query.Answered{Rows: 1}, err
	case "stuck":
		if arg != "" { // tells who it is
			if _, err := fmt.Fprint(w, os.Getpid()); err != nil {
				return query.Answered{}, err
			}
		}
		select {}
	case "heeds":
		<-ctx.Done()
		return query.Answered{}, ctx.Err()
	case "eats": // MiB, in small pieces
		var all [][]byte
		for range n {
			all = append(all, bytes.Repeat([]byte{1}, 1<<20))
		}
		return query.Answered{Rows: int64(len(all))}, nil
	case "crashes":
		panic("on purpose")
	case "dies":
		return query.Answered{}, syscall.Kill(os.Getpid(), syscall.SIGKILL)
	case "writes": // MiB
		for i := range n {
			if _, err := w.Write(bytes.Repeat([]byte{byte(i)}, 1<<20)); err != nil {
				return query.Answered{}, err
			}
		}
		return query.Answered{Rows: int64(n), Truncated: true}, nil
	case "fails":
		return query.Answered{}, lake.Errorf(lake.ErrCorrupt, "mend it", "broken")
	}
	return query.Answered{}, nil
}

func open(t testing.TB, cfg pool.Config, s setup) *pool.Pool {
	t.Helper()
	cfg.Setup = s
	cfg.Command = func() *exec.Cmd {
		c := exec.Command(os.Args[0])
		c.Env = append(os.Environ(), isProcess+"=1")
		return c
	}
	p, err := pool.Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
	return p
}

func ask(ctx context.Context, p query.Answerer, sql string) (string, query.Answered, error) {
	var out bytes.Buffer
	a, err := p.Answer(ctx, query.Question{SQL: sql, Format: query.NDJSON, Limit: 1000}, &out)
	return out.String(), a, err
}

// pid is the process that answers now.
func pid(t *testing.T, p query.Answerer) int {
	t.Helper()
	out, _, err := ask(t.Context(), p, "pid")
	if err != nil {
		t.Fatal(err)
	}
	n, err := strconv.Atoi(out)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// awaitGone waits until no process has the id.
func awaitGone(t *testing.T, pid int) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		if errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) {
			return
		}
	}
	t.Errorf("process %d is still there", pid)
}

func TestStatementThatHeedsNothingKeepsNobodyWaiting(t *testing.T) {
	p := open(t, pool.Config{}, setup{Odd: true})
	begin := func(sql string) (before, after int) {
		t.Helper()
		before = pid(t, p)
		why := errors.New("long enough")
		ctx, cancel := context.WithTimeoutCause(t.Context(), 50*time.Millisecond, why)
		defer cancel()
		start := time.Now()
		_, _, err := ask(ctx, p, sql)
		if d := time.Since(start); !errors.Is(err, why) || d > 10*time.Second {
			t.Errorf("%s: %v after %v", sql, err, d)
		}
		return before, pid(t, p)
	}
	before, after := begin("stuck")
	if after == before {
		t.Errorf("process %d goes on", after)
	}
	awaitGone(t, before)
	for n := 1; ; n++ { // on a busy machine a process may not come to heed anything in time
		if before, after = begin("heeds"); after == before {
			break
		}
		if n == 10 {
			t.Fatalf("a process that heeds is ended each time")
		}
	}
}

func TestStatementThatTakesTooMuchMemoryIsEnded(t *testing.T) {
	p := open(t, pool.Config{Memory: 64 << 20}, setup{Odd: true})
	if _, _, err := ask(t.Context(), p, "eats 60"); err != nil {
		t.Errorf("what it may take: %v", err)
	}
	_, _, err := ask(t.Context(), p, "eats 4000")
	if !errors.Is(err, lake.ErrLimit) || !strings.Contains(err.Error(), "64 MiB") || lake.Hint(err) == "" {
		t.Errorf("got %v", err)
	}
	if _, _, err := ask(t.Context(), p, "dies"); !errors.Is(err, lake.ErrLimit) { // as the kernel ends the largest
		t.Errorf("killed: %v", err)
	}
	pid(t, p)
}

func TestCrashIsTheStatementsAlone(t *testing.T) {
	var log bytes.Buffer
	p := open(t, pool.Config{Logger: slog.New(slog.NewTextHandler(&log, nil))}, setup{Odd: true})
	_, _, err := ask(t.Context(), p, "crashes")
	if err == nil || errors.Is(err, lake.ErrLimit) || errors.Is(err, lake.ErrInvalid) || !strings.Contains(log.String(), "on purpose") {
		t.Errorf("got %v; logged %s", err, log.String())
	}
	pid(t, p)
}

func TestErrorsKeepTheirMeaning(t *testing.T) {
	p := open(t, pool.Config{}, setup{Odd: true})
	_, _, err := ask(t.Context(), p, "fails")
	var h *lake.Hinted
	if !errors.Is(err, lake.ErrCorrupt) || err.Error() != "broken: corrupt" || lake.Hint(err) != "mend it" || !errors.As(err, &h) || h.What != "broken" {
		t.Errorf("got %v", err)
	}
	_, err = pool.Open(t.Context(), pool.Config{Setup: setup{}, Command: func() *exec.Cmd {
		c := exec.Command(os.Args[0])
		c.Env = append(os.Environ(), isProcess+"=1")
		return c
	}})
	if !errors.Is(err, lake.ErrNotFound) || lake.Hint(err) != "name one" {
		t.Errorf("what cannot be opened: %v", err)
	}
}

// narrow takes so much and then fails.
type narrow struct{ left int }

var errFull = errors.New("nobody reads")

func (n *narrow) Write(b []byte) (int, error) {
	if n.left -= len(b); n.left < 0 {
		return 0, errFull
	}
	return len(b), nil
}

func TestAnswerIsStreamedWhole(t *testing.T) {
	p := open(t, pool.Config{Memory: 32 << 20}, setup{Odd: true})
	out, a, err := ask(t.Context(), p, "writes 40")
	if err != nil || a != (query.Answered{Rows: 40, Truncated: true}) || len(out) != 40<<20 || out[39<<20] != 39 {
		t.Errorf("%d bytes, %+v, %v", len(out), a, err)
	}
	before := pid(t, p)
	if _, err := p.Answer(t.Context(), query.Question{SQL: "writes 40"}, &narrow{5 << 20}); !errors.Is(err, errFull) {
		t.Errorf("a client that is gone: %v", err)
	}
	if after := pid(t, p); after != before {
		t.Errorf("process %d, then %d", before, after)
	}
}

// said passes on what is written.
type said chan string

func (s said) Write(b []byte) (int, error) {
	s <- string(b)
	return len(b), nil
}

func TestNoProcessOutlivesThePool(t *testing.T) {
	p := open(t, pool.Config{Size: 2}, setup{Odd: true})
	ended, at := make(chan error, 1), make(said, 1)
	go func() {
		_, err := p.Answer(context.Background(), query.Question{SQL: "stuck 1"}, at)
		ended <- err
	}()
	stuck, err := strconv.Atoi(<-at)
	if err != nil {
		t.Fatal(err)
	}
	idle := pid(t, p)
	if err := p.Close(); err != nil {
		t.Error(err)
	}
	if err := <-ended; !errors.Is(err, lake.ErrClosed) {
		t.Errorf("the one at work: %v", err)
	}
	awaitGone(t, idle)
	awaitGone(t, stuck)
	if _, _, err := ask(t.Context(), p, "pid"); !errors.Is(err, lake.ErrClosed) {
		t.Errorf("after the end: %v", err)
	}
}

// TestProcessEndsWithItsParent: a process whose input ends goes, even when its
// statement heeds nothing.
func TestProcessEndsWithItsParent(t *testing.T) {
	c := exec.CommandContext(t.Context(), os.Args[0])
	c.Env = append(os.Environ(), isProcess+"=1")
	in, err := c.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	for _, frame := range []string{`h{"memory":1000000,"setup":{"Odd":true}}`, `q{"number":1,"sql":"stuck"}`} {
		head := []byte{frame[0], byte(len(frame) - 1), 0, 0, 0}
		if _, err := in.Write(append(head, frame[1:]...)); err != nil {
			t.Fatal(err)
		}
	}
	if err := in.Close(); err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- c.Wait() }()
	select {
	case err := <-done:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(10 * time.Second):
		t.Errorf("it goes on: %v", c.Process.Kill())
	}
}

func TestIdleProcessesEndButForOne(t *testing.T) {
	p := open(t, pool.Config{Size: 3, Idle: 20 * time.Millisecond}, setup{Odd: true})
	var wg sync.WaitGroup
	seen := sync.Map{}
	for range 30 {
		wg.Go(func() {
			if out, _, err := ask(t.Context(), p, "pid"); err != nil {
				t.Error(err)
			} else {
				seen.Store(out, true)
			}
		})
	}
	wg.Wait()
	alive := func() (n int) {
		seen.Range(func(k, _ any) bool {
			id, err := strconv.Atoi(k.(string))
			if err != nil {
				t.Fatal(err)
			}
			if !errors.Is(syscall.Kill(id, 0), syscall.ESRCH) {
				n++
			}
			return true
		})
		return n
	}
	for deadline := time.Now().Add(10 * time.Second); alive() > 1; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%d processes wait", alive())
		}
	}
	pid(t, p)
}
