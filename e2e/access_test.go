package e2e

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// asStranger runs a command as a user whom nothing belongs to: another one when
// the test may choose, else this one, from whom the lock file is taken away.
func asStranger(t *testing.T, program, data string, args ...string) (said string, exit int) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), program, args...)
	if os.Getuid() == 0 {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	} else if err := os.Chmod(filepath.Join(data, "lake.lock"), 0); err != nil {
		t.Fatal(err)
	}
	cmd.Dir = "/"
	var errs bytes.Buffer
	cmd.Stderr = &errs
	var exited *exec.ExitError
	if err := cmd.Run(); err != nil && !errors.As(err, &exited) {
		t.Fatal(err)
	}
	return errs.String(), cmd.ProcessState.ExitCode()
}

// inReach puts the binary where others may run it too.
func inReach(t *testing.T, dir string) string {
	t.Helper()
	path, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	to := filepath.Join(dir, "lake")
	if os.Link(path, to) == nil {
		return to
	}
	text, err := os.ReadFile(path) // on another file system
	if err == nil {
		err = os.WriteFile(to, text, 0o755)
	}
	if err != nil {
		t.Fatal(err)
	}
	return to
}

func TestAnotherUsersLakeIsSaidToBeTheirs(t *testing.T) {
	dir := t.TempDir()
	data, config := filepath.Join(dir, "data"), filepath.Join(dir, "lake.yaml")
	write(t, config, "")
	up(t, data, "--config", config).stop()
	for d := dir; d != os.TempDir() && d != "/"; d = filepath.Dir(d) { // others may look this far
		if err := os.Chmod(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	program := inReach(t, dir)
	for _, args := range [][]string{{"status"}, {"sql", "select 1"}, {"up"}, {"doctor"}} {
		for _, more := range [][]string{nil, {"--config", config}} {
			args := append(append(args, "--data", data), more...)
			said, exit := asStranger(t, program, data, args...)
			if exit != 1 || !strings.Contains(said, data+" belongs to user ") || !strings.Contains(said, "hint: run this as that user") {
				t.Errorf("%v: exit %d: %s", args, exit, said)
			}
		}
	}
}

func TestTheVersionIsAFlagToo(t *testing.T) {
	if flag, verb := must(t, "--version"), must(t, "version"); flag != verb || !strings.HasPrefix(flag, "lake ") {
		t.Errorf("lake --version says %q, lake version %q", flag, verb)
	}
}
