package e2e

import (
	"bytes"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/eventlake/lake/gen"
)

// TestARebuildOrReplayThatIsKilledChangesNothing kills the lake while it
// rebuilds its tables and while it replays into its own stream. After every
// kill the same events are there, once.
func TestARebuildOrReplayThatIsKilledChangesNothing(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 1))
	dir := t.TempDir()
	g := gen.New(gen.Options{Seed: 5, Events: 20_000, Duplicates: .05, Malformed: .01, Drift: true})
	var lines []byte
	for ok := true; ok; {
		if lines, ok = g.Next(lines); ok {
			lines = append(lines, '\n')
		}
	}
	file := filepath.Join(dir, "events.ndjson")
	write(t, file, string(lines))
	s := up(t, filepath.Join(dir, "data"))
	must(t, "send", "--url", s.url(""), file)
	s.settle()
	a := &agreement{server: s, want: tally{rows: g.Truth().ByType, cents: g.Truth().Cents}}

	// How long they take undisturbed says when a kill is in the middle, as far as
	// the machine stays as busy as it was.
	for _, args := range [][]string{{"rebuild", "--force"}, {"replay", "--to", "stream"}} {
		args = append(args, "--data", s.data)
		start := time.Now()
		must(t, args...)
		whole := time.Since(start)
		interrupted := 0
		for kills := 0; kills < 3 || interrupted == 0; kills++ {
			if kills == 20 {
				t.Fatalf("no kill was in the middle of %s: the test proves nothing", args[0])
			}
			took, noticed := killDuring(t, s, args, time.Duration(rng.Int64N(int64(whole))))
			if noticed {
				interrupted++
			} else {
				whole = min(whole, took)
			}
			s.start()
			s.settle()
			if got := a.sql(); !got.equal(a.want) {
				t.Errorf("after a killed %s: %+v, want %+v", args[0], got, a.want)
			}
			verify(t, s.data, "after a killed "+args[0])
		}
		t.Logf("%s: %d kills were in the middle", args[0], interrupted)
	}
	a.rebuild() // none of the killed ones left anything behind
	s.stop()
	if got := a.sql(); !got.equal(a.want) {
		t.Errorf("stopped: %+v, want %+v", got, a.want)
	}
	verify(t, s.data, "stopped")
}

// killDuring starts a command that works through the lake, and kills the lake
// after a while or when the command has ended. It returns how long the command
// took, also without the lake, and whether it noticed.
func killDuring(t *testing.T, s *server, args []string, after time.Duration) (took time.Duration, noticed bool) {
	t.Helper()
	path, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), path, args...)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	start := time.Now()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	select {
	case err = <-ended:
		took = time.Since(start)
		s.kill()
	case <-time.After(after): // the moment of the kill is what is varied
		s.kill()
		err = <-ended
		took = time.Since(start)
	}
	return took, err != nil
}

// TestARebuildReplacesFilesThatCannotBeRead loses Parquet files of a stopped
// and of a running lake and does what lake verify says then.
func TestARebuildReplacesFilesThatCannotBeRead(t *testing.T) {
	data, events := stopped(t)
	rows := rowsOf(t, data)
	lose := func(missing, damaged string) []string {
		if err := os.Remove(first(t, filepath.Join(data, "tables", missing, "data", "*", "*.parquet"))); err != nil {
			t.Fatal(err)
		}
		damage(t, first(t, filepath.Join(data, "tables", damaged, "data", "*", "*.parquet")))
		out, _, exit := run(t, "verify", "--data", data)
		commands := regexp.MustCompile(`lake (rebuild --type \S+ --from \S+ --to \S+)`).FindAllStringSubmatch(out, -1)
		if exit != 1 || len(commands) != 2 {
			t.Fatalf("verify: exit %d, it names %q\n%s", exit, commands, out)
		}
		return []string{commands[0][1], commands[1][1]}
	}
	replace := func(commands []string) {
		for _, c := range commands {
			args := append(strings.Fields(c), "--data", data)
			before := must(t, append(args, "--dry-run")...)
			after := must(t, args...)
			for _, out := range []string{before, after} {
				if !strings.Contains(out, "cannot be read; the rows of ") || !strings.Contains(out, ".parquet") {
					t.Errorf("%s\n%s", c, out)
				}
			}
			if !strings.Contains(before, "not swapped") || !strings.Contains(after, "swapped, ") {
				t.Errorf("%s\n%s%s", c, before, after)
			}
		}
		verify(t, data, "after "+strings.Join(commands, " and "))
		if got := rowsOf(t, data); got != rows {
			t.Errorf("rows were %s and are %s", rows, got)
		}
	}
	commands := lose("lesson", "payment")
	if out, _, exit := run(t, "doctor", "--data", data); exit != 1 || !strings.Contains(out, "lake "+commands[0]) {
		t.Errorf("doctor: exit %d\n%s", exit, out)
	}
	replace(commands)
	must(t, "doctor", "--data", data)

	s := up(t, data)
	commands = lose("account", "quiz")
	must(t, "send", "--data", data, "--url", s.url(""), events) // duplicates, while a file is gone
	replace(commands)
	s.settle()
	s.stop()
	verify(t, data, "stopped again")
	must(t, "doctor", "--data", data)
}
