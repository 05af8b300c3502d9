package query_test

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/laketest/enginetest"
	"github.com/eventlake/lake/local/duckdb"
)

var update = flag.Bool("update", false, "rewrite the golden dialogues")

// dialogue runs every command of a file of "command\n----\nanswer\n\n" blocks
// and compares the answers, or rewrites them with -update.
func dialogue(t *testing.T, name string, answer func(command string) string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	for i, block := range strings.Split(strings.TrimSpace(string(data)), "\n====\n") {
		command, want, ok := strings.Cut(block, "\n----\n")
		if !ok {
			command, want = strings.TrimSuffix(block, "\n----"), ""
		}
		got := strings.TrimRight(answer(command), "\n ")
		if !*update && got != strings.TrimRight(want, "\n ") {
			t.Errorf("%s, block %d:\n%s\n---- got\n%s\n---- want\n%s", name, i+1, command, got, want)
		}
		if i > 0 {
			out.WriteString("\n====\n")
		}
		out.WriteString(command + "\n----\n" + got + "\n")
	}
	if *update {
		if err := os.WriteFile(path, []byte(strings.ReplaceAll(out.String(), "\n\n====", "\n====")), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

const day = lake.Day(18829) // 2021-07-21

// lakeOf opens an engine over two small tables.
func lakeOf(t testing.TB) (*duckdb.Engine, *enginetest.Tables) {
	t.Helper()
	tables := enginetest.NewTables(t.TempDir())
	tables.Fill(t, "payment", day, 3)
	tables.Fill(t, "lesson", day, 2)
	tables.Fill(t, "lesson", day+1, 2)
	e, err := duckdb.Open(t.Context(), duckdb.Config{Catalog: tables, Root: tables.Root, MemoryLimit: 256 << 20, Threads: 2})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	})
	return e, tables
}
