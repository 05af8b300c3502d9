package built_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/eventlake/lake/laketest/built"
)

func TestWhatDeadProcessesBuiltIsRemovedAndNothingElse(t *testing.T) {
	tmp := t.TempDir()
	t.Setenv("TMPDIR", tmp)
	ended := exec.Command(os.Args[0], "-test.run=^$")
	if err := ended.Run(); err != nil {
		t.Fatal(err)
	}
	living := exec.Command("sleep", "60")
	if err := living.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = living.Process.Kill() // the wait says whether it has ended
		_ = living.Wait()
	}()
	names := map[string]bool{ // whether it stays
		fmt.Sprint("lake-e2e-", ended.Process.Pid):  false,
		fmt.Sprint("lake-e2e-", living.Process.Pid): true,
		fmt.Sprint("lake-e2e-", os.Getpid()):        true,
		"lake-e2e-0":                                true,
		"lake-e2e-3016389601":                       true,
		"lake-e2e-notes":                            true,
	}
	for name := range names {
		if err := os.MkdirAll(filepath.Join(tmp, name, "inside"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := built.Sweep(); err != nil {
		t.Fatal(err)
	}
	for name, stays := range names {
		if _, err := os.Stat(filepath.Join(tmp, name)); (err == nil) != stays {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := built.Remove(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(tmp, fmt.Sprint("lake-e2e-", os.Getpid()))); !os.IsNotExist(err) {
		t.Errorf("its own stays: %v", err)
	}
}
