package e2e

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// sqlProcesses are the processes that a lake runs SQL in.
func sqlProcesses(t *testing.T, parent int) (pids []int) {
	t.Helper()
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range stats {
		b, err := os.ReadFile(path)
		if err != nil {
			continue // it has ended since
		}
		// pid (name) state parent ...; the name may hold anything
		fields := strings.Fields(string(b[slices.Index(b, ')')+1:]))
		if len(fields) > 1 && fields[1] == strconv.Itoa(parent) {
			pid, err := strconv.Atoi(filepath.Base(filepath.Dir(path)))
			if err != nil {
				t.Fatal(err)
			}
			pids = append(pids, pid)
		}
	}
	return pids
}

// private is the memory of a process that it shares with none, in bytes.
func private(pid int) int64 {
	b, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/statm")
	if err != nil {
		return 0
	}
	f := strings.Fields(string(b))
	resident, err := strconv.ParseInt(f[1], 10, 64)
	if err != nil {
		return 0
	}
	shared, err := strconv.ParseInt(f[2], 10, 64)
	if err != nil {
		return 0
	}
	return (resident - shared) * int64(os.Getpagesize())
}

// TestGreedySQLIsBounded asks what made a lake take 6 GB and answer after more
// than a minute: every statement ends within its time and its memory.
func TestGreedySQLIsBounded(t *testing.T) {
	if _, err := os.Stat("/proc/self/statm"); err != nil {
		t.Skip("memory is looked at in /proc")
	}
	config := filepath.Join(t.TempDir(), "lake.yaml")
	write(t, config, "query: {timeout: 3s, memory: 256MiB, concurrent: 2}\n")
	s := up(t, filepath.Join(t.TempDir(), "lake"), "--config", config)
	var peak atomic.Int64
	ctx, stop := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() {
		for ctx.Err() == nil {
			sum := private(s.cmd.Process.Pid)
			for _, pid := range sqlProcesses(t, s.cmd.Process.Pid) {
				sum += private(pid)
			}
			peak.Store(max(peak.Load(), sum))
			time.Sleep(5 * time.Millisecond) // between two looks
		}
	})
	for _, c := range []struct {
		sql, accept string
		status      int
	}{
		{"select repeat('x', 1000000000)", "", 422},
		{"select repeat('x', 3000000000), repeat('y', 3000000000)", "text/csv", 422},
		{"select repeat('x', 300000000)", "", 422},
		{"select string_agg(repeat('x', 100000), '') from range(100000)", "", 422},
		{"select list_sum(range(200000000))", "", 422},
		{"select levenshtein(repeat('a', 300000), repeat('b', 300000))", "", 504},
		{"select count(*) from (select repeat('x', 100) || a from range(50000000) t(a) order by hash(a))", "", 504},
		{"select 'alive' as word", "text/csv", 200},
	} {
		start := time.Now()
		status, body := askSQL(t, s, c.sql, c.accept)
		if d := time.Since(start); status != c.status || d > 10*time.Second { // 3 s, and what a busy machine adds
			t.Errorf("%s: %d after %v, want %d\n%.300s", c.sql, status, d, c.status, body)
		}
	}
	stop()
	wg.Wait()
	// 256 MiB, for each process 128 MiB and its own 60, and the lake itself.
	if most := int64(256+2*(128+60)+200) << 20; peak.Load() > most || peak.Load() == 0 {
		t.Errorf("%d MiB at most, want below %d", peak.Load()>>20, most>>20)
	}
	t.Logf("%d MiB at most", peak.Load()>>20)
	s.await("rid of what was spilled", func() bool {
		left, err := filepath.Glob(filepath.Join(s.data, "tmp", "sql-*", "*"))
		return err == nil && len(left) == 0
	})

	// None outlives a lake that is killed, not even one that heeds nothing.
	stuck := make(chan struct{})
	go func() {
		defer close(stuck)
		resp, err := http.Post(s.url("/v1/sql"), "text/plain", strings.NewReader("select levenshtein(repeat('a', 300000), repeat('b', 300000))"))
		if err == nil {
			err = resp.Body.Close()
		}
		if err == nil {
			t.Error("the lake was to be killed")
		}
	}()
	var pids []int
	s.await("at work", func() bool {
		pids = sqlProcesses(t, s.cmd.Process.Pid)
		return len(pids) > 0 && slices.ContainsFunc(pids, working)
	})
	s.kill()
	<-stuck
	for _, pid := range pids {
		awaitGone(t, pid)
	}
}

// awaitGone waits until a process has ended, whoever is to take notice of it.
func awaitGone(t *testing.T, pid int) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		b, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
		if err != nil || bytes.HasPrefix(b[bytes.LastIndexByte(b, ')')+1:], []byte(" Z")) {
			return
		}
	}
	t.Errorf("process %d is still there", pid)
}

// working reports whether the process uses CPU: a twentieth of a second of the next
// fifth.
func working(pid int) bool {
	ticks := func() int64 {
		b, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
		if err != nil {
			return 0
		}
		f := strings.Fields(string(b[slices.Index(b, ')')+1:]))
		n, err := strconv.ParseInt(f[11], 10, 64)
		if err != nil {
			return 0
		}
		return n
	}
	before := ticks()
	time.Sleep(200 * time.Millisecond) // the time that is looked at
	return ticks()-before >= 5
}

func askSQL(t *testing.T, s *server, sql, accept string) (status int, body string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.url("/v1/sql"), strings.NewReader(sql))
	if err != nil {
		t.Fatal(err)
	}
	if accept != "" {
		req.Header.Set("Accept", accept)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(b)
}
