package main

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/eventlake/lake/assemble"
)

// TestDialogues runs the commands of each testdata/*.txt and compares what they
// say. A file is lines "$ command", what it printed, lines on standard error
// behind "! ", and "exit N" unless N is 0. Commands are lake's; "await" waits
// until everything that was sent is in its table; "put FILE" writes the lines
// below it, each behind "> ". A directory of its own is the working directory,
// a lake runs on ./lake-data where the file begins with "# up".
//
// go test ./cmd/lake -run TestDialogues -update writes the files anew.
func TestDialogues(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no dialogues: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			file, err := filepath.Abs(file)
			if err != nil {
				t.Fatal(err)
			}
			t.Chdir(t.TempDir())
			d := &dialogue{t: t}
			if strings.HasPrefix(string(want), "# up") {
				d.up()
			}
			got := d.play(string(want))
			if *update {
				if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if got != string(want) {
				t.Errorf("got\n%s\nwant\n%s", got, want)
			}
		})
	}
}

var update = flag.Bool("update", false, "write the golden dialogues anew")

// dialogue is one file being played.
type dialogue struct {
	t   *testing.T
	env []string
}

// up runs a lake in this process until the test ends.
func (d *dialogue) up() {
	l, err := (&net.ListenConfig{}).Listen(d.t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		d.t.Fatal(err)
	}
	addr := l.Addr().String()
	if err := l.Close(); err != nil {
		d.t.Fatal(err)
	}
	d.env = append(d.env, "LAKE_URL=http://"+addr)
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan string, 1)
	go func() {
		var log bytes.Buffer
		a := &app{in: strings.NewReader(""), out: &log, err: &log}
		if code := a.run(ctx, []string{"up", "--listen", addr}); code != 0 {
			done <- log.String()
		}
		close(done)
	}()
	d.t.Cleanup(func() {
		stop()
		if failure, failed := <-done; failed {
			d.t.Errorf("lake up failed: %s", failure)
		}
	})
	d.await("the lake to be ready", func() bool {
		resp, err := http.Get("http://" + addr + "/readyz")
		return err == nil && resp.Body.Close() == nil && resp.StatusCode == http.StatusOK
	})
}

// await polls a condition of the running lake.
func (d *dialogue) await(what string, ok func() bool) {
	d.t.Helper()
	for deadline := time.Now().Add(time.Minute); !ok(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			d.t.Fatalf("waited in vain for %s", what)
		}
	}
}

// settled reports whether everything is in its table.
func (d *dialogue) settled() bool {
	out, _, code := d.run("lake status --json", nil)
	var s assemble.Status
	if err := json.Unmarshal(out, &s); err != nil || code != 0 {
		d.t.Fatalf("lake status: exit %d, %v, %s", code, err, out)
	}
	return s.Lag == 0 && s.ToTable == 0
}

// play runs the commands of a script and returns it with what they say now.
func (d *dialogue) play(script string) string {
	var b strings.Builder
	lines := strings.Split(script, "\n")
	for i := 0; i < len(lines); i++ {
		line := lines[i]
		switch {
		case strings.HasPrefix(line, "#"), line == "" && (i == 0 || strings.HasPrefix(lines[i-1], "#")):
			b.WriteString(line + "\n")
		case strings.HasPrefix(line, "$ put "):
			b.WriteString(line + "\n")
			var text strings.Builder
			for ; i+1 < len(lines) && strings.HasPrefix(lines[i+1], "> "); i++ {
				text.WriteString(strings.TrimPrefix(lines[i+1], "> ") + "\n")
				b.WriteString(lines[i+1] + "\n")
			}
			if err := os.WriteFile(strings.TrimPrefix(line, "$ put "), []byte(text.String()), 0o600); err != nil {
				d.t.Fatal(err)
			}
			b.WriteString("\n")
		case line == "$ await":
			d.await("the tables", d.settled)
			b.WriteString(line + "\n\n")
		case strings.HasPrefix(line, "$ "):
			b.WriteString(line + "\n" + d.say(strings.TrimPrefix(line, "$ ")) + "\n")
		}
	}
	return strings.TrimRight(b.String(), "\n") + "\n"
}

// say runs one line and writes what it said in the form of the files.
func (d *dialogue) say(line string) string {
	var in, errs []byte
	code := 0
	for part := range strings.SplitSeq(line, " | ") {
		var e []byte
		in, e, code = d.run(part, in)
		errs = append(errs, e...)
	}
	var b strings.Builder
	for _, stream := range []struct{ mark, text string }{{"", string(in)}, {"! ", string(errs)}} {
		for l := range strings.Lines(steady(stream.text)) {
			b.WriteString(strings.TrimRight(stream.mark+strings.TrimRight(l, "\n"), " ") + "\n")
		}
	}
	if code != 0 {
		fmt.Fprintf(&b, "exit %d\n", code)
	}
	return b.String()
}

// run runs one lake command; words in quotes are one word.
func (d *dialogue) run(line string, in []byte) (stdout, stderr []byte, code int) {
	var words []string
	for _, m := range regexp.MustCompile(`"([^"]*)"|'([^']*)'|(\S+)`).FindAllStringSubmatch(line, -1) {
		words = append(words, m[1]+m[2]+m[3])
	}
	if words[0] != "lake" {
		d.t.Fatalf("not a lake command: %s", line)
	}
	var out, errs bytes.Buffer
	a := &app{in: bytes.NewReader(in), out: &out, err: &errs, env: d.env}
	code = a.run(d.t.Context(), words[1:])
	return out.Bytes(), errs.Bytes(), code
}

// steady replaces what differs from run to run.
func steady(text string) string {
	today := time.Now().UTC().Format(time.DateOnly)
	for _, r := range []struct{ pattern, with string }{
		{`lk_[0-9a-f]{12}_[0-9a-f]{64}`, "lk_SECRET"},
		{`\b[0-9a-f]{12}\b`, "0123456789ab"},
		{today + `[ T]\d\d:\d\d:\d\d(\.\d+)?Z?`, "2026-01-01 00:00:00"},
		{` in [0-9.]+m?s \([0-9,]+/s\)`, " in 1s (1/s)"},
		{`rows?, [0-9.]+(ms|s|µs)`, "rows, 1ms"},
		{`in \d+ (raw |)files`, "in 1 ${1}files"}, // as many as there were commits
		{`(metadata {11})[ 0-9]{10}`, "${1}         1"},
		{`127\.0\.0\.1:\d+`, "127.0.0.1:8080"},
		{`after=[^ ]*`, "after=1s"},
	} {
		text = regexp.MustCompile(r.pattern).ReplaceAllString(text, r.with)
	}
	return text
}
