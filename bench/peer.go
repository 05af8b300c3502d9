package main

import (
	"bufio"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	_ "github.com/duckdb/duckdb-go/v2"
)

// peerEvents are how many events the peer reads.
const peerEvents = 500_000

// peer is what the same events cost DuckDB right after the lake was measured: a
// batch job in memory that reads a file, drops copies and writes Parquet. It
// does much less (no HTTP, no fsync, no raw, no second run), but machine and
// minute are the same, so the ratio says more than either number.
type peer struct {
	CPUPerEvent float64 `json:"cpu_us_per_event"`
	PeakRSS     int64   `json:"peak_rss"`
}

// runPeer writes the events that load sends to a file and has DuckDB, in a
// process of its own, make Parquet of them.
func runPeer(ctx context.Context, o options) (p peer, err error) {
	dir, err := os.MkdirTemp("", "lake-bench-peer-")
	if err != nil {
		return p, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	in, out := filepath.Join(dir, "events.ndjson"), filepath.Join(dir, "events.parquet")
	if err := writeEvents(in, o.connections); err != nil {
		return p, err
	}
	self, err := os.Executable()
	if err != nil {
		return p, err
	}
	cmd := exec.CommandContext(ctx, self, "--duckdb-in", in, "--duckdb-out", out)
	cmd.Stderr = os.Stderr
	if err := cmd.Run(); err != nil {
		return p, fmt.Errorf("duckdb: %w", err)
	}
	cpu := cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	p.CPUPerEvent = float64(cpu.Nanoseconds()) / peerEvents / 1000
	if use, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage); ok {
		p.PeakRSS = use.Maxrss << 10 // kilobytes on Linux
	}
	return p, nil
}

func writeEvents(path string, connections int) (err error) {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	w := bufio.NewWriterSize(f, 1<<20)
	now := time.Now()
	var line []byte
	for c := range connections {
		g := generator(c, now)
		for range peerEvents / connections {
			line, _ = g.Next(line[:0])
			if _, err := w.Write(append(line, '\n')); err != nil {
				return err
			}
		}
	}
	return w.Flush()
}

// duckdb is the peer's process.
func duckdb(ctx context.Context, in, out string) (err error) {
	db, err := sql.Open("duckdb", "")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	copies := `copy (select distinct on (event_uuid) * from read_ndjson(IN)) to OUT (format parquet, compression zstd)`
	_, err = db.ExecContext(ctx, strings.NewReplacer("IN", quoted(in), "OUT", quoted(out)).Replace(copies))
	return err
}

func quoted(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }

// times is a ratio for people.
func times(a, b float64) string { return strconv.FormatFloat(a/b, 'f', 1, 64) }
