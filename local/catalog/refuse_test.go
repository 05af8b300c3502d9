package catalog_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/laketest/crashfs"
	"github.com/eventlake/lake/local/catalog"
)

// stand makes a catalog with one table of two files.
func stand(t *testing.T) (root string, c *catalog.Catalog, base lake.Table) {
	t.Helper()
	root = t.TempDir()
	c = open(t, root, catalog.Options{})
	var err error
	for _, k := range []lake.Key{"tables/lesson/data/a.parquet", "tables/lesson/data/b.parquet"} {
		put(t, root, k, 10)
		if base, err = c.Commit(context.Background(), lake.TableCommit{
			Table: "lesson", Base: base.Snapshot, Schema: afterSchema(), Add: []lake.DataFile{{Key: k, Day: 18000, Rows: 1, Bytes: 10}},
			Consumed: map[lake.ShardID]lake.Position{"shard-000": lake.Pos(7)},
		}); err != nil {
			t.Fatal(err)
		}
	}
	return root, c, base
}

func TestCommitRefuses(t *testing.T) {
	root, c, base := stand(t)
	put(t, root, "tables/lesson/data/c.parquet", 10)
	good := lake.DataFile{Key: "tables/lesson/data/c.parquet", Day: 18000, Rows: 1, Bytes: 10}
	for name, change := range map[string]func(c *lake.TableCommit){
		"a table name with a slash":           func(c *lake.TableCommit) { c.Table = "a/b" },
		"an empty table name":                 func(c *lake.TableCommit) { c.Table = "" },
		"the name of the view":                func(c *lake.TableCommit) { c.Table = lake.EventsView },
		"a file that does not exist":          func(c *lake.TableCommit) { c.Add[0].Key = "tables/lesson/data/none.parquet" },
		"a file of another size":              func(c *lake.TableCommit) { c.Add[0].Bytes = 11 },
		"a file of another table":             func(c *lake.TableCommit) { c.Add[0].Key = "tables/other/data/c.parquet" },
		"a file outside":                      func(c *lake.TableCommit) { c.Add[0].Key = "tables/lesson/../../c.parquet" },
		"a file added and removed":            func(c *lake.TableCommit) { c.Remove = c.Add },
		"a schema without the time":           func(c *lake.TableCommit) { c.Schema.Columns = c.Schema.Columns[:3] },
		"an id twice":                         func(c *lake.TableCommit) { c.Schema.Column("user").Fields[0].ID = 9 },
		"an id beyond the last":               func(c *lake.TableCommit) { c.Schema.LastID = 12 },
		"names that only case tells apart":    func(c *lake.TableCommit) { c.Schema.Column("amount").Name = "SOURCE" },
		"long back to int":                    func(c *lake.TableCommit) { c.Schema.Column("amount").Type = lake.TypeInt },
		"another type":                        func(c *lake.TableCommit) { c.Schema.Column("amount").Type = lake.TypeString },
		"an unknown type":                     func(c *lake.TableCommit) { c.Schema.Column("amount").Type = "decimal" },
		"a struct that becomes a string":      func(c *lake.TableCommit) { u := c.Schema.Column("user"); u.Type, u.Fields = lake.TypeString, nil },
		"an optional column becomes required": func(c *lake.TableCommit) { c.Schema.Column("amount").Required = true },
		"a new required column": func(c *lake.TableCommit) {
			c.Schema.Columns, c.Schema.LastID = append(c.Schema.Columns, lake.Column{ID: 21, Name: "x", Type: lake.TypeInt, Required: true}), 21
		},
		"a column that is gone": func(c *lake.TableCommit) {
			c.Schema.Columns = slices.DeleteFunc(c.Schema.Columns, func(c lake.Column) bool { return c.Name == "amount" })
		},
		"a field that is gone":    func(c *lake.TableCommit) { c.Schema.Column("user").Fields = nil },
		"another name":            func(c *lake.TableCommit) { c.Schema.Column("amount").Name = "price" },
		"another name of a field": func(c *lake.TableCommit) { c.Schema.Column("user").Fields[0].Name = "nick" },
		"a field that moves out": func(c *lake.TableCommit) {
			u := c.Schema.Column("user")
			c.Schema.Columns, u.Fields = append(c.Schema.Columns, u.Fields[0]), nil
		},
		"an id given out before": func(c *lake.TableCommit) {
			c.Schema.Columns = append(c.Schema.Columns, lake.Column{ID: 15, Name: "late", Type: lake.TypeInt})
		},
		"a last id that goes back": func(c *lake.TableCommit) {
			c.Schema.Columns, c.Schema.LastID = slices.DeleteFunc(c.Schema.Columns, func(c lake.Column) bool { return c.ID == 20 }), 19
			c.Remove = base.Files
		},
		"a list without element": func(c *lake.TableCommit) {
			c.Schema.Columns, c.Schema.LastID = append(c.Schema.Columns, lake.Column{ID: 21, Name: "x", Type: lake.TypeList}), 21
		},
	} {
		t.Run(name, func(t *testing.T) {
			tc := lake.TableCommit{Table: "lesson", Base: base.Snapshot, Schema: afterSchema(), Add: []lake.DataFile{good}}
			change(&tc)
			if _, err := c.Commit(context.Background(), tc); !errors.Is(err, lake.ErrInvalid) {
				t.Fatalf("error is %v", err)
			}
			now, err := c.Table(context.Background(), "lesson")
			if err != nil || now.Snapshot != base.Snapshot {
				t.Fatalf("the table changed: %v, %v", now, err)
			}
		})
	}
	names, err := c.Tables(context.Background())
	if err != nil || len(names) != 1 {
		t.Fatalf("tables: %v, %v", names, err)
	}
}

func TestRebuildMayChangeTypesUnderNewIDs(t *testing.T) {
	root, c, base := stand(t)
	put(t, root, "tables/lesson/data/new.parquet", 10)
	s := lake.Schema{Columns: append(lake.SystemColumns(), lake.Column{ID: 21, Name: "amount", Type: lake.TypeString, Required: true}), LastID: 21}
	got, err := c.Commit(context.Background(), lake.TableCommit{
		Table: "lesson", Base: base.Snapshot, Schema: s, Remove: base.Files,
		Add: []lake.DataFile{{Key: "tables/lesson/data/new.parquet", Day: 1, Rows: 1, Bytes: 10}},
	})
	if err != nil || !got.Schema.Equal(&s) || len(got.Files) != 1 {
		t.Fatalf("%+v, %v", got, err)
	}
}

func TestFullDiskIsErrFullAndChangesNothing(t *testing.T) {
	l := &life{root: t.TempDir(), fs: crashfs.New(1), now: lake.SystemClock()}
	if err := errors.Join(l.fs.Mkdir(l.root), l.open(asIs)); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := l.c.Close(); err != nil {
			t.Error(err)
		}
	}()
	base, err := l.append(lake.Table{})
	if err != nil {
		t.Fatal(err)
	}
	l.fs.Limit(l.fs.Used() + 1000)
	if _, err := l.append(base); !errors.Is(err, lake.ErrFull) || lake.Hint(err) == "" {
		t.Fatalf("error is %v", err)
	}
	l.fs.Limit(0)
	if now, err := l.c.Table(context.Background(), "lesson"); err != nil || now.Snapshot != base.Snapshot {
		t.Fatalf("%v, %v", now, err)
	}
	if _, err := l.append(base); err != nil {
		t.Fatal(err)
	}
}

// damage changes the files that match below the data directory.
func damage(t *testing.T, root, pattern string, edit func(path string) error) {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(root, pattern))
	if err != nil || len(paths) == 0 {
		t.Fatalf("%s: %v, %v", pattern, paths, err)
	}
	for _, p := range paths {
		if err := edit(p); err != nil {
			t.Fatal(err)
		}
	}
}

func scramble(path string) error { return os.WriteFile(path, []byte("not what it was"), 0o644) }

func TestDamagedMetadataIsErrCorruptWithAHint(t *testing.T) {
	for _, pattern := range []string{"*.metadata.json", "snap-*.avro", "*-m0.avro"} {
		for what, edit := range map[string]func(string) error{"scrambled": scramble, "missing": os.Remove} {
			t.Run(pattern+" "+what, func(t *testing.T) {
				root, c, _ := stand(t)
				damage(t, root, filepath.Join("tables/lesson/metadata", pattern), edit)
				fresh := open(t, root, catalog.Options{})
				if _, err := fresh.Table(context.Background(), "lesson"); !errors.Is(err, lake.ErrCorrupt) || lake.Hint(err) == "" {
					t.Fatalf("error is %v", err)
				}
				done, err := c.Check(context.Background())
				if err != nil || !slices.ContainsFunc(done.Problems, func(p catalog.Problem) bool { return p.Harm == catalog.HarmCurrent }) {
					t.Fatalf("check: %+v, %v", done, err)
				}
			})
		}
	}
}

func TestCheckNamesWhatIsWrong(t *testing.T) {
	root, c, _ := stand(t)
	damage(t, root, "tables/lesson/data/a.parquet", os.Remove)
	damage(t, root, "tables/lesson/data/b.parquet", func(p string) error { return os.Truncate(p, 3) })
	done, err := c.Check(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, p := range done.Problems {
		if p.Table != "lesson" || p.Harm != catalog.HarmData || p.Day != 18000 {
			t.Errorf("%+v", p)
		}
		got = append(got, p.String())
	}
	slices.Sort(got)
	want := []string{"tables/lesson/data/a.parquet is missing", "tables/lesson/data/b.parquet has 3 bytes, the table says 10"}
	if !slices.Equal(got, want) {
		t.Errorf("problems %q, want %q", got, want)
	}
}

func TestDamagedCatalogFileIsRefusedAndRecovered(t *testing.T) {
	for what, edit := range map[string]func(string) error{"scrambled": scramble, "missing": os.Remove} {
		t.Run(what, func(t *testing.T) {
			ctx := context.Background()
			root, c, base := stand(t)
			if err := c.Close(); err != nil {
				t.Fatal(err)
			}
			damage(t, root, "tables/catalog.db", edit)
			if what == "scrambled" {
				if _, err := catalog.Open(ctx, root, catalog.Options{}); !errors.Is(err, lake.ErrCorrupt) || lake.Hint(err) == "" {
					t.Fatalf("error is %v", err)
				}
			}
			names, err := catalog.Recover(ctx, root, catalog.Options{})
			if err != nil || len(names) != 1 {
				t.Fatalf("recover: %v, %v", names, err)
			}
			again := open(t, root, catalog.Options{})
			got, err := again.Table(ctx, "lesson")
			if err != nil || got.Snapshot != base.Snapshot || len(got.Files) != 2 || got.Consumed["shard-000"] != lake.Pos(7) {
				t.Fatalf("%+v, %v", got, err)
			}
		})
	}
}

func TestReadOnlyDirectoryIsAClearError(t *testing.T) {
	if os.Getuid() == 0 {
		t.Log("running as root: permissions do not bind; a file in the way stands for it")
	}
	root := filepath.Join(t.TempDir(), "data")
	if err := os.WriteFile(root, nil, 0o444); err != nil {
		t.Fatal(err)
	}
	if _, err := catalog.Open(context.Background(), root, catalog.Options{}); err == nil {
		t.Fatal("opened")
	}
	if _, err := catalog.Open(context.Background(), filepath.Join(t.TempDir(), "a?b"), catalog.Options{}); !errors.Is(err, lake.ErrInvalid) {
		t.Fatalf("error is %v", err)
	}
}

func TestClockThatGoesBackOrIsFarOffStopsNothing(t *testing.T) {
	ctx, root := context.Background(), t.TempDir()
	now, err := lake.ParseDay("2001-01-01")
	if err != nil {
		t.Fatal(err)
	}
	at := now.Start()
	c := open(t, root, catalog.Options{Clock: func() lake.Instant { return at }})
	var base lake.Table
	for i, jump := range []time.Duration{0, time.Hour, -48 * time.Hour, time.Second, 30 * 365 * 24 * time.Hour, -time.Hour} {
		at = at.Add(jump)
		before := base.Time
		if base, err = c.Commit(ctx, lake.TableCommit{Table: "lesson", Base: base.Snapshot, Schema: afterSchema()}); err != nil {
			t.Fatalf("commit %d: %v", i, err)
		}
		if base.Time < before {
			t.Fatalf("commit %d: time went back from %s to %s", i, before, base.Time)
		}
		if _, err := c.Maintain(ctx, "lesson", time.Minute); err != nil {
			t.Fatalf("maintain %d: %v", i, err)
		}
	}
	if got, err := open(t, root, catalog.Options{}).Table(ctx, "lesson"); err != nil || got.Snapshot != base.Snapshot {
		t.Fatalf("%v, %v", got, err)
	}
}
