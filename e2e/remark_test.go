package e2e

import (
	"path/filepath"
	"testing"
)

func TestStatementMayBeginWithARemark(t *testing.T) {
	data := filepath.Join(t.TempDir(), "lake")
	s := up(t, data)
	for _, args := range [][]string{
		{"sql", "--data", data, "--format", "csv", "-- a = remark\nselect 1 as one"},
		{"sql", "-- remark\nselect 1 as one", "--data", data, "--format=csv"},
		{"sql", "--data=" + data, "--format=csv", "--remark of several words\nselect 1 as one"},
		{"sql", "--data", data, "--format", "csv", "--", "-- remark\nselect 1 as one"},
		{"sql", "--data", data, "--format", "csv", "/* remark */ select 1 as one"},
	} {
		if got := must(t, args...); got != "one\n1\n" {
			t.Errorf("%q: %q", args, got)
		}
	}
	s.stop()
}
