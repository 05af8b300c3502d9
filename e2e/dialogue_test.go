package e2e

import (
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

var update = flag.Bool("update", false, "write the dialogues in testdata anew")

// TestDialogues plays testdata/*.txt against the binary: what a user types and
// what the lake says, in one place and to be read as an example. In a file
//
//	$ lake ARGS           runs a command; "| lake ARGS" behind it gets what it says,
//	                      "| keys" lists the keys of its JSON
//	% put FILE            writes the lines below it that begin with "> "
//	% start, stop         starts or stops a lake on ./lake-data
//	% settle              waits until everything that was sent is in its table
//	# ...                 is a remark
//
// and what a command says is below it: standard output, standard error behind
// "! ", and the exit code unless it is 0. go test -run TestDialogues -update
// writes the files anew.
func TestDialogues(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no dialogues: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			script, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			d := &dialogue{t: t, dir: t.TempDir(), today: time.Now().UTC()}
			got := d.play(string(script))
			if *update {
				write(t, file, got)
			} else if got != string(script) {
				t.Errorf("it went\n%s\nwant\n%s", got, script)
			}
		})
	}
}

// dialogue is one file while it is played.
type dialogue struct {
	t     *testing.T
	dir   string
	today time.Time
	lake  *server
	said  strings.Builder
}

func (d *dialogue) play(script string) string {
	d.t.Helper()
	var file, text string
	for line := range strings.Lines(script) {
		if content, ok := strings.CutPrefix(line, "> "); ok && file != "" {
			text += content
			d.said.WriteString(line)
			write(d.t, file, text)
			continue
		}
		file, text = "", ""
		switch {
		case strings.HasPrefix(line, "# "):
			d.said.WriteString(line)
		case strings.HasPrefix(line, "% put "):
			d.said.WriteString(line)
			file = filepath.Join(d.dir, strings.TrimSpace(strings.TrimPrefix(line, "% put ")))
		case strings.HasPrefix(line, "% "):
			d.said.WriteString(line)
			d.direct(strings.TrimSpace(line[2:]))
		case strings.HasPrefix(line, "$ lake"):
			d.said.WriteString(line)
			d.command(strings.TrimSpace(strings.TrimPrefix(line, "$ lake")))
		}
	}
	return d.said.String()
}

func (d *dialogue) direct(what string) {
	d.t.Helper()
	switch what {
	case "start":
		if d.lake == nil {
			d.lake = up(d.t, filepath.Join(d.dir, "lake-data"), "--config", filepath.Join(d.dir, "lake.yaml"))
			d.t.Setenv("LAKE_URL", d.lake.url(""))
		} else {
			d.lake.start()
		}
	case "stop":
		d.lake.stop()
	case "settle":
		d.lake.settle()
	default:
		d.t.Fatalf("%% %s is no directive", what)
	}
}

var word = regexp.MustCompile(`"[^"]*"|'[^']*'|\S+`)

// command runs a command and notes what it says, made the same for every run.
func (d *dialogue) command(line string) {
	d.t.Helper()
	line, keys := strings.CutSuffix(line, " | keys")
	var out, errs string
	var exit int
	for part := range strings.SplitSeq(line, " | lake ") {
		args := word.FindAllString(part, -1)
		for i := range args {
			args[i] = strings.Trim(args[i], `"'`)
		}
		var said string
		out, said, exit = runIn(d.t, d.dir, []byte(out), args...)
		errs += said
	}
	if keys {
		out = jsonKeys(d.t, out)
	}
	for l := range strings.Lines(errs) {
		out += "! " + l
	}
	if exit != 0 {
		out += fmt.Sprintf("exit %d\n", exit)
	}
	for l := range strings.Lines(d.normal(out)) { // what comes back must not look like a step
		if strings.ContainsAny(l[:1], "$%#>") {
			l = " " + l
		}
		d.said.WriteString(l)
	}
}

var (
	duration = regexp.MustCompile(`\b\d+(\.\d+)?(ns|µs|ms|s)\b`)
	rate     = regexp.MustCompile(`[\d,]+/s`)
	size     = regexp.MustCompile(`\b\d+(\.\d+)? [kKMG]?i?B\b`)
	blanks   = regexp.MustCompile(`  +`)
	dashes   = regexp.MustCompile(`───+`)
	trailing = regexp.MustCompile(` +\n`)
	secret   = regexp.MustCompile(`lk_[0-9a-f]{12}_[0-9a-f]{64}`)
	keyID    = regexp.MustCompile(`\b[0-9a-f]{12}\b`)
	metadata = regexp.MustCompile(`(metadata {11})[ 0-9]{10}`) // as many files as there were commits
)

// normal replaces what differs from run to run.
func (d *dialogue) normal(text string) string {
	text = strings.ReplaceAll(text, d.dir, "DIR")
	if d.lake != nil {
		text = strings.ReplaceAll(text, d.lake.addr, "ADDR")
	}
	// The day may end while a dialogue goes on.
	now := regexp.MustCompile(`(` + d.today.Format(time.DateOnly) + `|` + d.today.AddDate(0, 0, 1).Format(time.DateOnly) + `)[T ]\d\d:\d\d:\d\d(\.\d+)?Z?`)
	volatile := now.MatchString(text) || size.MatchString(text)
	text = now.ReplaceAllString(text, "NOW")
	text = rate.ReplaceAllString(size.ReplaceAllString(duration.ReplaceAllString(text, "TIME"), "SIZE"), "RATE")
	if volatile { // what was replaced had another width
		text = dashes.ReplaceAllString(blanks.ReplaceAllString(text, "  "), "───")
	}
	text = keyID.ReplaceAllString(secret.ReplaceAllString(text, "lk_SECRET"), "0123456789ab")
	text = metadata.ReplaceAllString(text, "$1         1")
	return trailing.ReplaceAllString(text, "\n")
}

// jsonKeys lists the paths in a JSON value, those of a list's elements once.
func jsonKeys(t *testing.T, text string) string {
	t.Helper()
	var v any
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	paths := map[string]bool{}
	var walk func(path string, v any)
	walk = func(path string, v any) {
		switch v := v.(type) {
		case map[string]any:
			for k, e := range v {
				walk(path+"."+k, e)
			}
		case []any:
			for _, e := range v {
				walk(path+"[]", e)
			}
		default:
			paths[path] = true
		}
	}
	walk("", v)
	return strings.Join(slices.Sorted(maps.Keys(paths)), "\n") + "\n"
}
