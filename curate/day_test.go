package curate_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/curate"
	"github.com/eventlake/lake/curate/column"
	"github.com/eventlake/lake/curate/parquetfile"
	"github.com/eventlake/lake/laketest/memory"
	"github.com/eventlake/lake/local/disk"
	"github.com/eventlake/lake/local/store"
)

// counted counts what is read of data files. A file counts once an Open.
type counted struct {
	lake.Store
	opens, reads, bytes atomic.Int64
}

type countedObject struct {
	lake.Object
	s *counted
}

func (s *counted) Open(ctx context.Context, key lake.Key) (lake.Object, error) {
	o, err := s.Store.Open(ctx, key)
	if err != nil {
		return nil, err
	}
	s.opens.Add(1)
	return countedObject{o, s}, nil
}

func (s *counted) reset() {
	s.opens.Store(0)
	s.reads.Store(0)
	s.bytes.Store(0)
}

func (o countedObject) count(n int) {
	o.s.reads.Add(1)
	o.s.bytes.Add(int64(n))
}

func (o countedObject) Read(p []byte) (n int, err error) {
	n, err = o.Object.Read(p)
	o.count(n)
	return n, err
}

func (o countedObject) ReadAt(p []byte, off int64) (n int, err error) {
	n, err = o.Object.ReadAt(p, off)
	o.count(n)
	return n, err
}

// bigDay makes one table's day of so many rows: files as compaction leaves
// them and the last seven as they came, of 50,000 rows. Rows repeat after
// 200,000 but for their ids.
func bigDay(tb testing.TB, s lake.Store, rows int, filtered bool) *memory.Catalog {
	tb.Helper()
	const fresh, unit, large, group = 7, benchRows, 1_750_000, 1 << 20
	lines, _ := benchLines(min(rows, 200_000))
	sh := shredded(tb, lines)
	schema := sh.Schema()
	leaves := column.Leaves(&schema)
	enc, err := parquetfile.NewEncoder()
	if err != nil {
		tb.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(7, uint64(rows)))
	var files []lake.DataFile
	file := func(name string, n int) {
		d := lake.DataFile{Key: lake.Key(fmt.Sprintf("tables/payment/data/day=%s/%s-%04d.parquet", start.Day(), name, len(files))), Day: start.Day()}
		_, err := s.Create(context.Background(), d.Key, func(out io.Writer) error {
			w, err := parquetfile.NewWriter(out, enc, schema.Columns, nil)
			if err != nil {
				return err
			}
			if filtered {
				w.FilterOn(1)
			}
			for at := 0; at < n; at += group {
				size := min(group, n-at)
				w.BeginRowGroup(size)
				err := sh.Each(func(i int, c *column.Chunk) error {
					all := repeated(&leaves[i], c, len(lines), size)
					if leaves[i].ID == 1 {
						for b := 0; b < len(all.Fixed); b += 8 {
							binary.LittleEndian.PutUint64(all.Fixed[b:], rng.Uint64())
						}
					}
					return w.Column(&all)
				})
				if err != nil {
					return err
				}
				if err := w.EndRowGroup(); err != nil {
					return err
				}
			}
			d.Rows, d.Bytes, d.Columns, err = w.Close()
			return err
		})
		if err != nil {
			tb.Fatal(err)
		}
		files = append(files, d)
	}
	for left := rows - fresh*unit; left > 0; left -= large {
		file("sorted", min(left, large))
	}
	for range fresh {
		file("part", unit)
	}
	catalog := memory.NewCatalog()
	if _, err := catalog.Commit(context.Background(), lake.TableCommit{Table: "payment", Schema: schema, Add: files}); err != nil {
		tb.Fatal(err)
	}
	return catalog
}

// repeated is the chunk's rows again and again.
func repeated(l *column.Leaf, c *column.Chunk, have, want int) (all column.Chunk) {
	for n := 0; n < want; n += have {
		rows := make([]uint32, min(have, want-n))
		for i := range rows {
			rows[i] = uint32(i)
		}
		new(column.Gatherer).Gather(l, c, rows, &all)
	}
	return all
}

// peak samples how much memory is in use until stop is called.
func peak() (stop func() uint64) {
	runtime.GC()
	var before runtime.MemStats
	runtime.ReadMemStats(&before)
	var most atomic.Uint64
	done := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			select {
			case <-done:
				return
			case <-time.After(5 * time.Millisecond):
				var m runtime.MemStats
				runtime.ReadMemStats(&m)
				most.Store(max(most.Load(), m.HeapAlloc))
			}
		}
	})
	return func() uint64 {
		close(done)
		wg.Wait()
		return most.Load() - min(most.Load(), before.HeapAlloc)
	}
}

// BenchmarkDay is a cycle of 50,000 new events, every one of which is compared
// with its day, as on AWS: by a process that has just begun, and by one that
// has seen the day before. LAKE_DAY is how many events the day has already,
// and LAKE_DAY_FILTERS=none makes its files as they were before they had filters.
func BenchmarkDay(b *testing.B) {
	rows := 1_000_000
	if text := os.Getenv("LAKE_DAY"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil {
			b.Fatal(err)
		}
		rows = n
	}
	s := &counted{Store: store.New(disk.OS{}, b.TempDir())}
	catalog := bigDay(b, s, rows, os.Getenv("LAKE_DAY_FILTERS") != "none")
	lines, _ := benchLines(benchRows)
	for _, mode := range []string{"cold", "warm"} {
		b.Run(mode, func(b *testing.B) {
			r := newBenchRig(lines)
			config := r.config()
			config.Store, config.Catalog, config.LateAfter = s, &frozen{catalog}, 0
			config.Limits.Memory = 1 << 30
			c, err := curate.New(config)
			if err != nil {
				b.Fatal(err)
			}
			once := func() {
				r.again()
				report, err := c.Once(context.Background())
				if err != nil {
					b.Fatal(err)
				}
				if report.Rows != benchRows {
					b.Fatalf("%+v", report)
				}
			}
			if mode == "warm" {
				once()
			}
			var read, reads, opens int64
			var most uint64
			before := cpu(b)
			for b.Loop() {
				b.StopTimer()
				if mode == "cold" {
					if c, err = curate.New(config); err != nil {
						b.Fatal(err)
					}
				}
				s.reset()
				stop := peak()
				b.StartTimer()
				once()
				b.StopTimer()
				most = max(most, stop())
				read, reads, opens = read+s.bytes.Load(), reads+s.reads.Load(), opens+s.opens.Load()
				b.StartTimer()
			}
			n := float64(b.N)
			b.ReportMetric(float64(read)/n/1e6, "MB-read")
			b.ReportMetric(float64(reads)/n, "reads")
			b.ReportMetric(float64(opens)/n, "opens")
			b.ReportMetric(float64(most)/1e6, "MB-heap")
			b.ReportMetric((cpu(b)-before).Seconds()/n*1e3, "cpu-ms")
		})
	}
}

// frozen is a catalog whose commits succeed and add no file, so that every
// cycle finds the same day.
type frozen struct{ lake.Catalog }

func (f *frozen) Commit(ctx context.Context, c lake.TableCommit) (lake.Table, error) {
	t, err := f.Table(ctx, c.Table)
	t.Consumed = c.Consumed
	return t, err
}
