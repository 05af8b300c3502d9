package catalog_test

import (
	"context"
	"fmt"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/local/catalog"
)

// wide is a schema of 50 columns and a file with statistics of all.
func wide(t testing.TB, root string, n int) (lake.Schema, lake.DataFile) {
	s := lake.Schema{Columns: lake.SystemColumns(), LastID: 50}
	f := lake.DataFile{Key: lake.Key(fmt.Sprintf("tables/lesson/data/%d/part-%05d.parquet", n%30, n)), Day: lake.Day(18000 + n%30), Rows: 1000, Bytes: 64}
	for id := lake.ColumnID(9); id <= 50; id++ {
		s.Columns = append(s.Columns, lake.Column{ID: id, Name: fmt.Sprintf("property_%d", id), Type: lake.TypeString})
		f.Columns = append(f.Columns, lake.ColumnStat{ID: id, Bytes: 5000, Values: 1000, Nulls: 10, Lower: []byte("a lower bound 16"), Upper: []byte("upper bound of16")})
	}
	put(t, root, f.Key, f.Bytes)
	return s, f
}

func cpu() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// TestCommitCostStaysFlat makes 1,000 commits with a maintenance every 100, as
// the background does, and compares the last with the first.
func TestCommitCostStaysFlat(t *testing.T) {
	if testing.Short() {
		t.Skip("1,000 commits")
	}
	ctx, root := context.Background(), t.TempDir()
	now := lake.SystemClock()
	c := open(t, root, catalog.Options{Clock: func() lake.Instant { return now }})
	var base lake.Table
	var wall, work []time.Duration
	for n := range 1000 {
		s, f := wide(t, root, n)
		now = now.Add(10 * time.Second)
		at, used := time.Now(), cpu()
		var err error
		if base, err = c.Commit(ctx, lake.TableCommit{Table: "lesson", Base: base.Snapshot, Schema: s, Add: []lake.DataFile{f}, Consumed: map[lake.ShardID]lake.Position{"shard-000": lake.Pos(uint64(n))}}); err != nil {
			t.Fatal(err)
		}
		wall, work = append(wall, time.Since(at)), append(work, cpu()-used)
		if n%100 == 99 {
			at = time.Now()
			m, err := c.Maintain(ctx, "lesson", 30*time.Minute)
			if err != nil {
				t.Fatal(err)
			}
			t.Logf("after %4d commits: maintenance %v in %s", n+1, m, time.Since(at).Round(time.Millisecond))
		}
	}
	report := func(name string, ds []time.Duration) time.Duration {
		ds = slices.Sorted(slices.Values(ds))
		var sum time.Duration
		for _, d := range ds {
			sum += d
		}
		t.Logf("%s: mean %s p50 %s p99 %s max %s", name, (sum / time.Duration(len(ds))).Round(time.Microsecond), ds[len(ds)/2].Round(time.Microsecond),
			ds[len(ds)*99/100].Round(time.Microsecond), ds[len(ds)-1].Round(time.Microsecond))
		return sum / time.Duration(len(ds))
	}
	report("wall, first 100", wall[:100])
	report("wall, last 100 ", wall[900:])
	first, last := report("CPU,  100..200  ", work[100:200]), report("CPU,  last 100 ", work[900:])
	if last > 3*first || last > 25*time.Millisecond {
		t.Fatalf("a commit takes %s of CPU at the end, %s at the start", last, first)
	}
	at := time.Now()
	const polls = 1000
	for range polls {
		if _, err := c.Table(ctx, "lesson"); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("Table of %d files, unchanged: %s", len(base.Files), time.Since(at)/polls)
	other := open(t, root, catalog.Options{})
	at = time.Now()
	if _, err := other.Table(ctx, "lesson"); err != nil {
		t.Fatal(err)
	}
	t.Logf("Table of %d files, cold: %s", len(base.Files), time.Since(at))
}

func BenchmarkCommit(b *testing.B) {
	ctx, root := context.Background(), b.TempDir()
	c := open(b, root, catalog.Options{})
	var base lake.Table
	b.ReportAllocs()
	n := 0
	for b.Loop() {
		n++
		s, f := wide(b, root, n)
		var err error
		if base, err = c.Commit(ctx, lake.TableCommit{Table: "lesson", Base: base.Snapshot, Schema: s, Add: []lake.DataFile{f}}); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkTableUnchanged(b *testing.B) {
	ctx, root := context.Background(), b.TempDir()
	c := open(b, root, catalog.Options{})
	s, f := wide(b, root, 1)
	if _, err := c.Commit(ctx, lake.TableCommit{Table: "lesson", Schema: s, Add: []lake.DataFile{f}}); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := c.Table(ctx, "lesson"); err != nil {
			b.Fatal(err)
		}
	}
}
