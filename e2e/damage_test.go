package e2e

import (
	"bytes"
	"errors"
	"io/fs"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

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

// kindOf says what a file of a data directory is, by its path in it; "" is what
// holds nothing that counts.
func kindOf(path string) string {
	name := filepath.Base(path)
	switch dir, _, _ := strings.Cut(path, "/"); {
	case slices.Contains([]string{"lake.lock", "keys.lock", "last-run.json"}, path):
		return "" // written anew by every lake up
	case path == "keys.json":
		return "keys"
	case path == "stream/stream.json":
		return "stream's head"
	case path == "stream/ends.json":
		return "stream's ends"
	case dir == "stream" && strings.HasSuffix(name, ".log"):
		return "segment"
	case dir == "ledger":
		return "ledger's " + strings.TrimRight(name, "-0123456789")
	case dir == "raw" || dir == "quarantine":
		return dir
	case path == "tables/catalog.db":
		return "catalog"
	case strings.HasSuffix(name, ".metadata.json"):
		return "metadata"
	case strings.HasPrefix(name, "snap-") && strings.HasSuffix(name, ".avro"):
		return "manifest list"
	case strings.HasSuffix(name, ".avro"):
		return "manifest"
	case strings.HasSuffix(name, ".parquet"):
		return "parquet"
	}
	return "unknown: " + path
}

// kinds is every kind of file that a lake has.
func kinds() []string {
	return []string{"keys", "stream's head", "stream's ends", "segment", "ledger's log", "ledger's snapshot", "ledger's run", "raw", "quarantine", "catalog", "metadata", "manifest list", "manifest", "parquet"}
}

// TestOneFlippedBitIsFoundAndNamed flips one bit of one file of a stopped lake,
// in each kind of file that there is in its directory, the first and the last by
// name. lake verify must fail and say which file it is; nothing may answer
// as if all were well.
func TestOneFlippedBitIsFoundAndNamed(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 1))
	whole := damageLake(t)
	files := map[string][]string{}
	for _, path := range filesBelow(t, whole) {
		if k := kindOf(path); k != "" {
			files[k] = append(files[k], path)
		}
	}
	if got, want := slices.Sorted(maps.Keys(files)), slices.Sorted(slices.Values(kinds())); !slices.Equal(got, want) {
		t.Fatalf("the lake has files of the kinds\n%q, and this test knows\n%q", got, want)
	}
	data := filepath.Join(t.TempDir(), "data")
	if err := os.CopyFS(data, os.DirFS(whole)); err != nil {
		t.Fatal(err)
	}
	for kind, paths := range files {
		chosen := []string{paths[0], paths[len(paths)-1]}
		if kind == "segment" || kind == "ledger's log" { // a torn last frame is no damage, so one with many frames
			chosen = []string{largest(t, whole, paths)}
		}
		for _, path := range slices.Compact(chosen) {
			text, err := os.ReadFile(filepath.Join(whole, path))
			if err != nil {
				t.Fatal(err)
			}
			at, named := rng.IntN(len(text)), filepath.Base(path)
			switch kind {
			case "catalog": // SQLite keeps no checksum: where a table's metadata lies, and a checksum
				at, named = bytes.Index(text, []byte("/metadata/"+currentMetadata(t, whole)))+12, currentMetadata(t, whole)[30:]
			case "segment", "ledger's log":
				at = rng.IntN(len(text) / 2)
			}
			text[at] ^= 1 << rng.IntN(8)
			write(t, filepath.Join(data, path), string(text))
			out, errs, exit := run(t, "verify", "--data", data)
			if exit != 1 || !strings.Contains(out+errs, named) {
				t.Errorf("%s: byte %d of %d of %s flipped: exit %d\n%s%s", kind, at, len(text), path, exit, out, errs)
			}
			// The failed start may have written: all is put back.
			if err := errors.Join(os.RemoveAll(data), os.CopyFS(data, os.DirFS(whole))); err != nil {
				t.Fatal(err)
			}
		}
	}
	verify(t, data, "with nothing flipped any more")
}

// TestVerifyBesideARunningLakeReadsTheDisk flips bits in files that a running
// lake has read already.
func TestVerifyBesideARunningLakeReadsTheDisk(t *testing.T) {
	data := damageLake(t)
	s := up(t, data)
	verify(t, data, "running")
	for _, file := range []string{
		"keys.json", "ledger/run-*", "ledger/snapshot", "stream/shard-000/*.log",
		"tables/account/metadata/*.metadata.json", "tables/account/metadata/snap-*.avro", "tables/account/metadata/*-m0.avro",
	} {
		path := first(t, filepath.Join(data, filepath.FromSlash(file)))
		whole, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		harmed := bytes.Clone(whole)
		harmed[len(harmed)/2] ^= 0x10
		write(t, path, string(harmed))
		if out, errs, exit := run(t, "verify", "--data", data); exit != 1 || !strings.Contains(out, filepath.Base(path)) {
			t.Errorf("%s: exit %d\n%s%s", path, exit, out, errs)
		}
		write(t, path, string(whole))
	}
	verify(t, data, "whole again")
	s.stop()
}

// currentMetadata is the name of a table's newest metadata file.
func currentMetadata(t *testing.T, data string) string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(data, "tables", "account", "metadata", "*.metadata.json"))
	if err != nil || len(found) == 0 {
		t.Fatalf("%v, %v", found, err)
	}
	return filepath.Base(found[len(found)-1])
}

func largest(t *testing.T, dir string, paths []string) (found string) {
	t.Helper()
	var most int64
	for _, path := range paths {
		st, err := os.Stat(filepath.Join(dir, path))
		if err != nil {
			t.Fatal(err)
		}
		if st.Size() > most {
			found, most = path, st.Size()
		}
	}
	return found
}

// filesBelow lists the files below a directory, sorted, relative to it.
func filesBelow(t *testing.T, dir string) (out []string) {
	t.Helper()
	err := fs.WalkDir(os.DirFS(dir), ".", func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			out = append(out, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// TestDamageAtTheEdgesIsFoundAndNamed flips a bit where a format is weakest.
func TestDamageAtTheEdgesIsFoundAndNamed(t *testing.T) {
	whole := damageLake(t)
	for name, d := range map[string]struct {
		dir, suffix string
		at          func(text []byte) int
		named       string // what the message has to name; "" is the file
	}{
		"raw, last byte":  {"raw", ".ndjson.gz", func(b []byte) int { return len(b) - 1 }, ""},
		"parquet, footer": {"tables", ".parquet", func(b []byte) int { return len(b) - 20 }, ""},
		"segment's head":  {"stream", ".log", func([]byte) int { return 2 }, ""},
		"stream's head":   {"stream", "stream.json", func(b []byte) int { return len(b) / 2 }, ""},
		"catalog's head":  {"tables", "catalog.db", func([]byte) int { return 3 }, ""},
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
	must(t, "keys", "create", "--data", s.data, "--source", "shop")
	s.settle()
	s.stop()
	must(t, "doctor", "--data", s.data, "--rebuild-ledger") // leaves a snapshot and a run of claims
	s.start()
	write(t, filepath.Join(dir, "more.ndjson"), strings.Join(strings.SplitAfter(string(lines), "\n")[:100], "")+
		`{"event_uuid":"late","event_name":"account:created","created_at":"2026-03-01T00:00:00Z"}`)
	must(t, "send", "--url", s.url(""), filepath.Join(dir, "more.ndjson"))
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
