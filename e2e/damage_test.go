package e2e

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/eventlake/lake/gen"
)

// damageConfig makes many small files of each kind.
const damageConfig = `stream:
  shards: 1
  segment_size: 256KiB
raw:
  merge_interval: 1h
curate:
  compact_interval: 1h
`

// TestDamageIsFoundAndNamed flips one bit of one file of a stopped lake. What
// reads the file next must fail and say which file it is; nothing may answer as
// if all were well.
func TestDamageIsFoundAndNamed(t *testing.T) {
	whole := damageLake(t)
	for name, d := range map[string]struct {
		dir, suffix string
		at          func(text []byte) int
		named       string // what the message has to name; "" is the file
	}{
		"raw":                {"raw", ".ndjson.gz", middle, ""},
		"raw, last byte":     {"raw", ".ndjson.gz", func(b []byte) int { return len(b) - 1 }, ""},
		"quarantine":         {"quarantine", ".ndjson.gz", middle, ""},
		"parquet":            {"tables", ".parquet", middle, ""},
		"parquet, footer":    {"tables", ".parquet", func(b []byte) int { return len(b) - 20 }, ""},
		"sealed segment":     {"stream", ".log", middle, ""},
		"segment's head":     {"stream", ".log", func([]byte) int { return 2 }, ""},
		"ledger":             {"ledger", "", middle, ""},
		"stream's head":      {"stream", "stream.json", middle, ""},
		"catalog, one table": {"tables", "catalog.db", func(b []byte) int { return bytes.LastIndex(b, []byte("metadata.json")) - 10 }, "metadata.json"},
		"catalog's head":     {"tables", "catalog.db", func([]byte) int { return 3 }, ""},
	} {
		t.Run(name, func(t *testing.T) {
			data := filepath.Join(t.TempDir(), "data")
			if err := os.CopyFS(data, os.DirFS(whole)); err != nil {
				t.Fatal(err)
			}
			file := firstFile(t, filepath.Join(data, d.dir), d.suffix)
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			at := d.at(text)
			text[at] ^= 0x10
			if err := os.WriteFile(file, text, 0o644); err != nil {
				t.Fatal(err)
			}
			out, errs, exit := run(t, "verify", "--data", data)
			if exit != 1 {
				t.Errorf("bit of byte %d of %d of %s flipped: exit %d\n%s%s", at, len(text), file, exit, out, errs)
			}
			if d.named == "" {
				d.named = filepath.Base(file)
			}
			if !strings.Contains(out+errs, d.named) {
				t.Errorf("%s of %s is not named:\n%s%s", d.named, file, out, errs)
			}
		})
	}
}

func middle(text []byte) int { return len(text) / 2 }

// damageLake makes a lake that has files of every kind, stopped.
func damageLake(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	config := filepath.Join(dir, "lake.yaml")
	write(t, config, damageConfig)
	g := gen.New(gen.Options{Seed: 3, Events: 2000, Malformed: .02})
	var lines []byte
	for ok := true; ok; {
		if lines, ok = g.Next(lines); ok {
			lines = append(lines, '\n')
		}
	}
	write(t, filepath.Join(dir, "events.ndjson"), string(lines))
	s := up(t, filepath.Join(dir, "data"), "--config", config)
	must(t, "send", "--url", s.url(""), filepath.Join(dir, "events.ndjson"))
	s.settle()
	s.stop()
	verify(t, s.data, "before any damage")
	return s.data
}

// firstFile returns the first file below a directory whose name ends so.
func firstFile(t *testing.T, dir, suffix string) (found string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if !d.IsDir() && strings.HasSuffix(path, suffix) {
			found = path
			return fs.SkipAll
		}
		return nil
	})
	if err != nil || found == "" {
		t.Fatalf("no file %s below %s: %v", suffix, dir, err)
	}
	return found
}
