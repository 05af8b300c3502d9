package e2e

import (
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestTheDemoDoesWhatItSays, and what it says to try next works.
func TestTheDemoDoesWhatItSays(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "demo")
	out := must(t, "demo", "--events", "20000", "--data", dir)
	for _, want := range []string{"SQL and the generator agree", "everything balances"} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is not said:\n%s", want, out)
		}
	}
	if n := strings.Count(out, "SIGKILL at "); n != 2 {
		t.Errorf("it was killed %d times:\n%s", n, out)
	}
	_, next, _ := strings.Cut(out, "Try next:\n")
	tried := 0
	for line := range strings.Lines(next) {
		words := strings.Fields(regexp.MustCompile(`   .*`).ReplaceAllString(strings.TrimSpace(line), ""))[1:]
		if words[0] == "up" { // runs until it is told to end
			words = append(words, "--listen", "nowhere")
			if _, errs, exit := run(t, words...); exit != 2 || !strings.Contains(errs, "listen") {
				t.Errorf("lake %s: exit %d\n%s", strings.Join(words, " "), exit, errs)
			}
		} else if _, errs, exit := run(t, words...); exit != 0 {
			t.Errorf("lake %s: exit %d\n%s", strings.Join(words, " "), exit, errs)
		}
		tried++
	}
	if tried != 5 {
		t.Errorf("%d commands to try in\n%s", tried, next)
	}
	must(t, "demo", "--events", "1000", "--data", dir) // an old demo goes
	if _, errs, exit := run(t, "demo", "--data", filepath.Dir(dir)); exit != 1 || !strings.Contains(errs, "not a demo's directory") {
		t.Errorf("a directory that is no demo's: exit %d\n%s", exit, errs)
	}
}
