package ledger_test

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"syscall"
	"testing"
	"time"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/local/disk"
	"github.com/eventlake/lake/local/ledger"
)

// The benchmarks claim in batches of 1000 and commit every 50 batches, as a
// worker at full rate does. ns/id includes making the claims durable.
const (
	benchBatch  = 1000
	benchCommit = 50
)

// feeder claims and commits a shard's records.
type feeder struct {
	b      testing.TB
	l      *ledger.Ledger
	at     uint64 // claimed
	done   uint64 // committed
	claims []lake.Claim
	out    []lake.Outcome
}

func newFeeder(b testing.TB, l *ledger.Ledger) *feeder {
	p, err := l.Position(b.Context(), "shard-000")
	if err != nil {
		b.Fatal(err)
	}
	return &feeder{
		b: b, l: l, at: p.Seq[2], done: p.Seq[2],
		claims: make([]lake.Claim, benchBatch), out: make([]lake.Outcome, benchBatch),
	}
}

// batch claims 1000 records; pick says which ID each has.
func (f *feeder) batch(pick func(position uint64) uint64, want lake.Outcome) {
	for i := range f.claims {
		f.at++
		c := &f.claims[i]
		c.Position = lake.Pos(f.at)
		c.Time = lake.Instant(1_700_000_000_000_000 + f.at*10)
		c.Fingerprint = 1
		n := pick(f.at)
		binary.LittleEndian.PutUint64(c.ID[:], n*0x9e3779b97f4a7c15^n>>7)
		binary.LittleEndian.PutUint64(c.ID[8:], n)
	}
	if err := f.l.Claim(f.b.Context(), "shard-000", f.claims, f.out); err != nil {
		f.b.Fatal(err)
	}
	for _, o := range f.out {
		if o != want {
			f.b.Fatalf("outcome %d, want %d", o, want)
		}
	}
	if f.at/benchBatch%benchCommit == 0 {
		f.commit()
	}
}

func (f *feeder) commit() {
	if f.done == f.at {
		return
	}
	err := f.l.Commit(f.b.Context(), lake.Commit{
		Shard: "shard-000", Span: lake.Span{After: lake.Pos(f.done), To: lake.Pos(f.at)},
		Add: []lake.File{{Key: lake.Key(fmt.Sprint("raw/", f.at)), Kind: lake.KindRaw, Shard: "shard-000"}},
	})
	if err != nil {
		f.b.Fatal(err)
	}
	f.done = f.at
}

func itself(p uint64) uint64 { return p }

// cpu is the CPU time of the process so far, what runs in the background too.
func cpu(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func report(b *testing.B, l *ledger.Ledger, ids uint64, used time.Duration) {
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(ids), "ns/id")
	b.ReportMetric(float64((cpu(b)-used).Nanoseconds())/float64(ids), "cpu-ns/id")
	s := l.Stats()
	cold := float64(max(s.ColdClaims, 1))
	b.ReportMetric(float64(s.HotBytes)/1e6, "hotMB")
	b.ReportMetric(float64(s.ColdBytes)/cold, "coldB/id")
	b.ReportMetric(float64(s.RunBytes)/cold, "diskB/id")
	b.ReportMetric(float64(s.Runs), "runs")
	b.ReportMetric(float64(s.ColdClaims)/1e6, "Mcold")
}

// BenchmarkNewIDs claims and commits IDs that nobody has, so many millions
// before, b.N thousand then.
func BenchmarkNewIDs(b *testing.B) {
	for _, before := range []int{0, 4, 16} {
		b.Run(fmt.Sprintf("after_%dM", before), func(b *testing.B) {
			l := open(b, disk.OS{}, b.TempDir(), ledger.Options{MergeRate: -1})
			f := newFeeder(b, l)
			for range before * 1000 {
				f.batch(itself, lake.Owned)
			}
			from, used := f.at, cpu(b)
			b.ReportAllocs()
			for b.Loop() {
				f.batch(itself, lake.Owned)
			}
			report(b, l, f.at-from, used)
			f.commit()
			closed(b, l)
		})
	}
}

// BenchmarkFill claims and commits 20 million IDs, sealing and merging
// included to the end: cpu-ns/id is the whole price of an ID.
func BenchmarkFill(b *testing.B) {
	const millions = 20
	for b.Loop() {
		l := open(b, disk.OS{}, b.TempDir(), ledger.Options{MergeRate: -1})
		f := newFeeder(b, l)
		used := cpu(b)
		for range millions * 1000 {
			f.batch(itself, lake.Owned)
		}
		for l.Stats().Sealing {
			time.Sleep(time.Millisecond)
		}
		closed(b, l)
		b.ReportMetric(float64((cpu(b)-used).Nanoseconds())/millions/1e6, "cpu-ns/id")
	}
}

// BenchmarkDuplicates claims IDs that are taken, among 8 million.
func BenchmarkDuplicates(b *testing.B) {
	l := open(b, disk.OS{}, b.TempDir(), ledger.Options{MergeRate: -1})
	f := newFeeder(b, l)
	const millions = 8
	for range millions * 1000 {
		f.batch(itself, lake.Owned)
	}
	f.commit()
	rng := rand.New(rand.NewPCG(1, 1))
	for name, pick := range map[string]func(uint64) uint64{
		"recent": func(uint64) uint64 { return millions*1_000_000 - rng.Uint64N(100_000) },
		"any":    func(uint64) uint64 { return 1 + rng.Uint64N(millions*1_000_000) },
	} {
		b.Run(name, func(b *testing.B) {
			from, used := f.at, cpu(b)
			b.ReportAllocs()
			for b.Loop() {
				f.batch(pick, lake.Taken)
			}
			report(b, l, f.at-from, used)
		})
	}
	closed(b, l)
}

// BenchmarkOpen opens a ledger of 8 million claims: with runs, and with all of
// them in the log.
func BenchmarkOpen(b *testing.B) {
	for name, o := range map[string]ledger.Options{
		"runs": {MergeRate: -1},
		"log":  {HotBytes: 4 << 30, SegmentBytes: 4 << 30},
	} {
		b.Run(name, func(b *testing.B) {
			dir := b.TempDir()
			l := open(b, disk.OS{}, dir, o)
			f := newFeeder(b, l)
			const millions = 8
			for range millions * 1000 {
				f.batch(itself, lake.Owned)
			}
			f.commit()
			b.ResetTimer()
			for range b.N {
				b.StopTimer()
				closed(b, l)
				b.StartTimer()
				used := cpu(b)
				l = open(b, disk.OS{}, dir, o)
				b.ReportMetric(float64((cpu(b)-used).Nanoseconds())/millions/1e6, "cpu-ns/id")
			}
			closed(b, l)
		})
	}
}
