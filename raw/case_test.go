package raw_test

import (
	"strings"
	"testing"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/laketest/memory"
	"github.com/eventlake/lake/local/disk"
	"github.com/eventlake/lake/local/store"
	"github.com/eventlake/lake/raw"
)

// folding is a file system that does not tell case apart, as macOS has it.
type folding struct {
	disk.OS
	root string
}

func (f folding) at(path string) string {
	rest, ok := strings.CutPrefix(path, f.root)
	if !ok {
		return path
	}
	return f.root + strings.ToLower(rest)
}

func (f folding) Open(path string) (disk.File, error)       { return f.OS.Open(f.at(path)) }
func (f folding) Create(path string) (disk.File, error)     { return f.OS.Create(f.at(path)) }
func (f folding) Append(path string) (disk.File, error)     { return f.OS.Append(f.at(path)) }
func (f folding) Rename(from, to string) error              { return f.OS.Rename(f.at(from), f.at(to)) }
func (f folding) Remove(path string) error                  { return f.OS.Remove(f.at(path)) }
func (f folding) Mkdir(path string) error                   { return f.OS.Mkdir(f.at(path)) }
func (f folding) ReadDir(path string) ([]disk.Entry, error) { return f.OS.ReadDir(f.at(path)) }
func (f folding) SyncDir(path string) error                 { return f.OS.SyncDir(f.at(path)) }

// Types that only case tells apart have one directory there. Their files do not
// meet, neither in one flush nor when what is unused is swept; a repeat of the
// flush writes no others.
func TestTypesThatOnlyCaseTellsApartKeepTheirFiles(t *testing.T) {
	root := t.TempDir()
	s := store.New(folding{root: root}, root)
	gz, err := raw.NewCompressor(s, 1)
	if err != nil {
		t.Fatal(err)
	}
	lines := map[string]string{"order": "{\"n\":1}\n", "Order": "{\"n\":22}\n", "ORDER": "{\"n\":333}\n"}
	flush := func(after, to uint64) map[lake.Key]lake.File {
		t.Helper()
		var parts []lake.Part
		for name, text := range lines {
			partition := lake.Partition{Name: lake.Name{Type: name, Subtype: "a"}, Day: received.Day()}
			parts = append(parts, lake.Part{Partition: partition, Lines: []byte(text), Events: 1})
		}
		files, err := raw.NewWriter(gz, nil).Write(t.Context(), "shard-000", lake.Span{After: lake.Pos(after), To: lake.Pos(to)}, parts)
		if err != nil {
			t.Fatal(err)
		}
		byKey := map[lake.Key]lake.File{}
		for _, f := range files {
			byKey[f.Key] = f
		}
		return byKey
	}
	ledger := memory.NewLedger(0)
	live := map[lake.Key]lake.File{}
	for span := range uint64(2) {
		files := flush(span, span+1)
		commit := lake.Commit{Shard: "shard-000", Span: lake.Span{After: lake.Pos(span), To: lake.Pos(span + 1)}}
		for key, f := range files {
			live[key] = f
			commit.Add = append(commit.Add, f)
		}
		if err := ledger.Commit(t.Context(), commit); err != nil {
			t.Fatal(err)
		}
		flush(span, span+1)
	}
	sweeper := raw.NewSweeper(ledger, s, lake.SystemClock)
	for range 2 {
		if n, err := sweeper.Sweep(t.Context(), 0, nil, raw.Root); err != nil || n > 0 {
			t.Errorf("%d objects swept, %v", n, err)
		}
	}
	if len(live) != 2*len(lines) {
		t.Errorf("%d files", len(live))
	}
	for _, f := range live {
		if got, err := readAll(t.Context(), raw.NewReader(s, nil), f); err != nil || got != lines[f.Partition.Type] {
			t.Errorf("%s: %q, %v", f.Key, got, err)
		}
	}
	listed := 0
	for _, err := range s.List(t.Context(), raw.Root) {
		if err != nil {
			t.Fatal(err)
		}
		listed++
	}
	if listed != len(live) {
		t.Errorf("%d objects lie there, %d are live", listed, len(live))
	}
}
