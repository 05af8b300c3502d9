package catalog_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/apache/iceberg-go/table"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/local/catalog"
)

// lived makes a table with a history of twelve commits, in which manifests were
// merged.
func lived(t *testing.T, root string) (c *catalog.Catalog, base lake.Table) {
	t.Helper()
	now := lake.SystemClock().Add(-time.Hour)
	c = open(t, root, catalog.Options{Clock: func() lake.Instant { return now }})
	for n := range 12 {
		now = now.Add(time.Minute)
		f := lake.DataFile{Key: lake.Key(fmt.Sprintf("tables/lesson/data/%02d.parquet", n)), Day: 18000 + lake.Day(n), Rows: 1, Bytes: 10}
		put(t, root, f.Key, f.Bytes)
		var err error
		if base, err = c.Commit(context.Background(), lake.TableCommit{
			Table: "lesson", Base: base.Snapshot, Schema: afterSchema(), Add: []lake.DataFile{f},
			Consumed: map[lake.ShardID]lake.Position{"shard-000": lake.Pos(uint64(n + 1))},
		}); err != nil {
			t.Fatal(err)
		}
	}
	return c, base
}

// sound checks that nothing is wrong and that every file has its checksum.
func sound(t *testing.T, c *catalog.Catalog) catalog.Checked {
	t.Helper()
	done, err := c.Check(context.Background())
	if err != nil || len(done.Problems) > 0 || done.Unknown > 0 || done.Files == 0 {
		t.Fatalf("check: %+v, %v", done, err)
	}
	return done
}

// metadataFiles lists the names in the table's metadata directory.
func metadataFiles(t *testing.T, root string) []string {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(root, "tables/lesson/metadata/*"))
	if err != nil || len(paths) == 0 {
		t.Fatalf("%v, %v", paths, err)
	}
	return paths
}

func TestOneFlippedBitInAnyMetadataFileIsFoundAndNamed(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 1))
	root := t.TempDir()
	c, _ := lived(t, root)
	files := metadataFiles(t, root)
	if done := sound(t, c); done.Files != len(files) {
		t.Fatalf("%d files were checked, there are %d", done.Files, len(files))
	}
	for _, path := range files {
		whole, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for n, at := range []int{rng.IntN(len(whole)), 0, len(whole) - 1} {
			harmed := slices.Clone(whole)
			harmed[at] ^= 1 << rng.IntN(8)
			if err := os.WriteFile(path, harmed, 0o644); err != nil {
				t.Fatal(err)
			}
			done, err := c.Check(context.Background())
			if err != nil || len(done.Problems) != 1 || done.Problems[0].Key != lake.Key("tables/lesson/metadata/"+filepath.Base(path)) {
				t.Errorf("byte %d of %s: %+v, %v", at, filepath.Base(path), done.Problems, err)
			}
			if n > 0 {
				continue
			}
			current := len(done.Problems) == 1 && done.Problems[0].Harm == catalog.HarmCurrent
			if _, err := open(t, root, catalog.Options{}).Table(context.Background(), "lesson"); errors.Is(err, lake.ErrCorrupt) != current {
				t.Errorf("byte %d of %s, needed by the current state: %t; the table says %v", at, filepath.Base(path), current, err)
			}
		}
		if err := os.WriteFile(path, whole, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	sound(t, c)
}

// database opens catalog.db as any program would.
func database(t *testing.T, root string) *sql.DB {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+filepath.Join(root, "tables", "catalog.db")+"?_pragma=busy_timeout(5000)")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db
}

func TestAnOlderLakesCatalogOpensAndItsFilesAreCountedAsUnknown(t *testing.T) {
	ctx, root := context.Background(), t.TempDir()
	c, base := lived(t, root)
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := database(t, root).ExecContext(ctx, `DROP TABLE lake_checksums`); err != nil {
		t.Fatal(err)
	}
	again := open(t, root, catalog.Options{})
	done, err := again.Check(ctx)
	if err != nil || len(done.Problems) > 0 || done.Unknown != done.Files {
		t.Fatalf("check: %+v, %v", done, err)
	}
	// What it writes from now on has checksums.
	if _, err := again.Commit(ctx, lake.TableCommit{Table: "lesson", Base: base.Snapshot, Schema: base.Schema, Remove: base.Files[:1]}); err != nil {
		t.Fatal(err)
	}
	after, err := again.Check(ctx)
	if err != nil || len(after.Problems) > 0 || after.Unknown != done.Unknown || after.Files != done.Files+3 {
		t.Fatalf("check: %+v, %v", after, err)
	}
}

func TestWhatAnotherEngineCommitsIsCountedAsUnknown(t *testing.T) {
	ctx, root := context.Background(), t.TempDir()
	c, _ := lived(t, root)
	before := sound(t, c)
	tbl, err := foreign(t, root).LoadTable(ctx, table.Identifier{catalog.Name, "lesson"})
	if err != nil {
		t.Fatal(err)
	}
	tx := tbl.NewTransaction()
	if err := tx.SetProperties(map[string]string{"owner": "somebody"}); err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Commit(ctx); err != nil {
		t.Fatal(err)
	}
	if done, err := c.Check(ctx); err != nil || len(done.Problems) > 0 || done.Unknown != 1 || done.Files != before.Files+1 {
		t.Fatalf("check: %+v, %v", done, err)
	}
}

func TestMaintenanceForgetsTheChecksumsOfWhatItRemoves(t *testing.T) {
	ctx, root := context.Background(), t.TempDir()
	c, _ := lived(t, root)
	before := len(metadataFiles(t, root))
	later := lake.SystemClock().Add(48 * time.Hour)
	if _, err := open(t, root, catalog.Options{Clock: func() lake.Instant { return later }}).Maintain(ctx, "lesson", time.Hour); err != nil {
		t.Fatal(err)
	}
	var kept int
	if err := database(t, root).QueryRowContext(ctx, `SELECT count(*) FROM lake_checksums WHERE file_name <> ''`).Scan(&kept); err != nil {
		t.Fatal(err)
	}
	if files := metadataFiles(t, root); kept != len(files) || len(files) >= before {
		t.Errorf("%d checksums of %d files, before %d", kept, len(files), before)
	}
	sound(t, c)
}

func TestMendGoesBackToWhatIsWhole(t *testing.T) {
	for name, c := range map[string]struct {
		harm     []string // patterns below metadata/; the last match of each is scrambled, all when it begins with '+'
		files    int      // of the table afterwards; 0: it is put aside
		consumed uint64
	}{
		"the current metadata":              {[]string{"*.metadata.json"}, 11, 11},
		"an older metadata file":            {[]string{"00003-*"}, 12, 12},
		"all metadata":                      {[]string{"+*.metadata.json"}, 0, 0},
		"all manifests":                     {[]string{"+*-m0.avro"}, 0, 0},
		"the manifest lists but the first":  {[]string{"+snap-*"}, 0, 0},
		"an older and the current metadata": {[]string{"00003-*", "*.metadata.json"}, 11, 11},
	} {
		t.Run(name, func(t *testing.T) {
			ctx, root := context.Background(), t.TempDir()
			k, base := lived(t, root)
			if err := k.Close(); err != nil {
				t.Fatal(err)
			}
			for _, pattern := range c.harm {
				one, all := strings.CutPrefix(pattern, "+")
				paths, err := filepath.Glob(filepath.Join(root, "tables/lesson/metadata", one))
				if err != nil || len(paths) == 0 {
					t.Fatalf("%s: %v, %v", one, paths, err)
				}
				if !all {
					paths = paths[len(paths)-1:]
				}
				for _, p := range paths {
					if err := scramble(p); err != nil {
						t.Fatal(err)
					}
				}
			}
			m := open(t, root, catalog.Options{})
			done, err := m.Mend(ctx)
			if err != nil || len(done) != 1 || done[0].Table != "lesson" {
				t.Fatalf("mend: %v, %v", done, err)
			}
			t.Log(done)
			got, err := m.Table(ctx, "lesson")
			if c.files == 0 {
				if !errors.Is(err, lake.ErrNotFound) || !exists(t, root, "tables/lesson.damaged/data/03.parquet") || exists(t, root, "tables/lesson") {
					t.Fatalf("the table is not put aside: %v", err)
				}
				base = lake.Table{Schema: base.Schema}
				put(t, root, "tables/lesson/data/new.parquet", 10)
			} else {
				if err != nil || len(got.Files) != c.files || got.Consumed["shard-000"] != lake.Pos(c.consumed) {
					t.Fatalf("%+v, %v", got, err)
				}
				base = got
				put(t, root, "tables/lesson/data/new.parquet", 10)
			}
			// The table goes on, and a repeat finds nothing to do.
			if _, err := m.Commit(ctx, lake.TableCommit{Table: "lesson", Base: base.Snapshot, Schema: base.Schema,
				Add: []lake.DataFile{{Key: "tables/lesson/data/new.parquet", Day: 1, Rows: 1, Bytes: 10}}}); err != nil {
				t.Fatal(err)
			}
			sound(t, m)
			if done, err := m.Mend(ctx); err != nil || len(done) > 0 {
				t.Fatalf("mend again: %v, %v", done, err)
			}
		})
	}
}

func TestDamagedChecksumsAreFound(t *testing.T) {
	for _, harm := range []string{
		`UPDATE lake_checksums SET file_name = file_name || 'x' WHERE file_name LIKE '%.metadata.json'`,
		`UPDATE lake_checksums SET bytes = bytes + 1 WHERE file_name = ''`,
		`DELETE FROM lake_checksums WHERE file_name LIKE '%-m0.avro'`,
	} {
		ctx, root := context.Background(), t.TempDir()
		c, base := lived(t, root)
		if _, err := database(t, root).ExecContext(ctx, harm); err != nil {
			t.Fatal(err)
		}
		done, err := c.Check(ctx)
		if err != nil || len(done.Problems) != 1 || done.Problems[0].Key != "tables/catalog.db" || done.Problems[0].Harm != catalog.HarmDatabase {
			t.Errorf("%s: %+v, %v", harm, done, err)
		}
		if err := c.Close(); err != nil {
			t.Fatal(err)
		}
		if _, err := catalog.Recover(ctx, root, catalog.Options{}); err != nil {
			t.Fatal(err)
		}
		again := open(t, root, catalog.Options{})
		if got, err := again.Table(ctx, "lesson"); err != nil || got.Snapshot != base.Snapshot {
			t.Errorf("%s, recovered: %v, %v", harm, got, err)
		}
		if done, err := again.Check(ctx); err != nil || len(done.Problems) > 0 {
			t.Errorf("%s, recovered: %+v, %v", harm, done, err)
		}
	}
}

func TestRecoverKeepsTheChecksums(t *testing.T) {
	ctx, root := context.Background(), t.TempDir()
	c, base := lived(t, root)
	before := sound(t, c)
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := catalog.Recover(ctx, root, catalog.Options{}); err != nil {
		t.Fatal(err)
	}
	again := open(t, root, catalog.Options{})
	if done := sound(t, again); done.Files != before.Files {
		t.Errorf("%d files, before %d", done.Files, before.Files)
	}
	if got, err := again.Table(ctx, "lesson"); err != nil || got.Snapshot != base.Snapshot {
		t.Errorf("%v, %v", got, err)
	}
}
