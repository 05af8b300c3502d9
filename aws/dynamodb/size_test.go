package dynamodb_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/aws/dynamodb"
	"github.com/eventlake/lake/laketest/memory"
)

// A ledger as workers make it: each shard commits the files of all types once a
// minute.
const (
	bigShards = 8
	bigTypes  = 30
	bigFlush  = 834 // commits a shard: some 14 hours
	bigFiles  = bigShards * bigTypes * bigFlush
)

// meter counts the bytes of contents that are read, in items and in objects.
type meter struct {
	dynamodb.Client
	lake.Store
	read   atomic.Int64 // bytes
	opened atomic.Int64 // objects
}

func (m *meter) items(items ...map[string]types.AttributeValue) {
	for _, i := range items {
		for name, v := range i {
			m.read.Add(int64(len(name)))
			switch v := v.(type) {
			case *types.AttributeValueMemberB:
				m.read.Add(int64(len(v.Value)))
			case *types.AttributeValueMemberS:
				m.read.Add(int64(len(v.Value)))
			case *types.AttributeValueMemberN:
				m.read.Add(int64(len(v.Value)))
			}
		}
	}
}

func (m *meter) Query(ctx context.Context, in *sdk.QueryInput, o ...func(*sdk.Options)) (*sdk.QueryOutput, error) {
	out, err := m.Client.Query(ctx, in, o...)
	if err == nil {
		m.items(out.Items...)
	}
	return out, err
}

func (m *meter) GetItem(ctx context.Context, in *sdk.GetItemInput, o ...func(*sdk.Options)) (*sdk.GetItemOutput, error) {
	out, err := m.Client.GetItem(ctx, in, o...)
	if err == nil {
		m.items(out.Item)
	}
	return out, err
}

func (m *meter) Open(ctx context.Context, key lake.Key) (lake.Object, error) {
	o, err := m.Store.Open(ctx, key)
	if err == nil {
		m.read.Add(o.Size())
		m.opened.Add(1)
	}
	return o, err
}

// bigLedger makes the ledger and returns what it lies in, and the curated mark of
// ten minutes before its end.
func bigLedger(t testing.TB) (*meter, dynamodb.Options) {
	t.Helper()
	m := &meter{Store: memory.NewStore()}
	now := epoch
	o := dynamodb.Options{Store: m, Retry: atOnce(), Clock: func() lake.Instant { return now }}
	m.Client = fake(o)
	l := dynamodb.New(m, o)
	r := rand.New(rand.NewPCG(1, 2))
	mark := map[lake.ShardID]lake.Position{}
	at := map[lake.ShardID]lake.Position{}
	for flush := range bigFlush {
		now = now.Add(time.Minute)
		for s := range bigShards {
			id := lake.ShardID(fmt.Sprintf("shardId-%012d", s))
			to := lake.Position{Seq: [3]uint64{1 << 57, 1<<63 + uint64(flush), r.Uint64()}, Sub: uint32(r.IntN(40))}
			c := lake.Commit{Shard: id, Span: lake.Span{After: at[id], To: to}}
			for n := range bigTypes {
				f := lake.File{
					Kind: lake.KindRaw, Shard: id, Span: c.Span,
					Partition: lake.Partition{Name: lake.Name{Type: fmt.Sprint("account", n), Subtype: "opened"}, Day: now.Day()},
					Events:    2500 + r.Int64N(400), Bytes: 240_000 + r.Int64N(50_000), CRC: r.Uint32(),
					MinTime:  now.Add(-time.Minute - time.Duration(r.IntN(5_000_000))*time.Microsecond),
					MaxTime:  now.Add(-time.Duration(r.IntN(5_000_000)) * time.Microsecond),
					Received: now.Add(-time.Duration(r.IntN(1_000_000)) * time.Microsecond),
				}
				f.Key = lake.Key(fmt.Sprintf("raw/%s/part-%s-%012s-%012s.ndjson.gz", f.Partition.Dir(), id, c.Span.After, to))
				c.Add = append(c.Add, f)
			}
			if err := l.Commit(t.Context(), c); err != nil {
				t.Fatal(err)
			}
			if at[id] = to; flush == bigFlush-11 {
				mark[id] = to
			}
		}
	}
	if err := l.MarkCurated(t.Context(), mark); err != nil {
		t.Fatal(err)
	}
	m.read.Store(0)
	return m, o
}

// heap is what is in use, in bytes.
func heap() int64 {
	runtime.GC()
	runtime.GC()
	var s runtime.MemStats
	runtime.ReadMemStats(&s)
	return int64(s.HeapAlloc)
}

// use is what a process that has just begun reads and then holds, in bytes a
// file of the ledger, and what it got.
func use(t testing.TB, m *meter, o dynamodb.Options, ask func(*dynamodb.Ledger) int) (read, held float64, files int) {
	t.Helper()
	before := heap()
	m.read.Store(0)
	l := dynamodb.New(m, o)
	files = ask(l)
	read, held = float64(m.read.Load())/bigFiles, float64(heap()-before)/bigFiles
	runtime.KeepAlive(l)
	return read, held, files
}

func pending(t testing.TB, l *dynamodb.Ledger) int {
	files, err := l.Pending(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return len(files)
}

func length(t testing.TB, j lake.Journal, err error) (n int) {
	if err != nil {
		t.Fatal(err)
	}
	for range j.Files("") {
		n++
	}
	return n
}

// TestReadersTakeWhatTheyNeed of a ledger of 200,000 files, in bytes a file.
func TestReadersTakeWhatTheyNeed(t *testing.T) {
	m, o := bigLedger(t)
	all := func(l *dynamodb.Ledger) int {
		j, err := l.Journal(t.Context())
		return length(t, j, err)
	}
	from := epoch.Add(6 * time.Hour)
	hour := func(l *dynamodb.Ledger) int {
		j, err := l.Between(t.Context(), from, from.Add(time.Hour))
		return length(t, j, err)
	}
	for _, c := range []struct {
		name       string
		ask        func(*dynamodb.Ledger) int
		files      int
		read, held float64 // at most
	}{
		{"pending", func(l *dynamodb.Ledger) int { return pending(t, l) }, 10 * bigTypes * bigShards, 8, 8},
		{"an hour", hour, 60 * bigTypes * bigShards, 9, 10},
		{"all", all, bigFiles, 30, 36},
	} {
		read, held, files := use(t, m, o, c.ask)
		t.Logf("%s: %d files; %.1f bytes read and %.1f held for each of %d", c.name, files, read, held, bigFiles)
		if files != c.files {
			t.Errorf("%s: %d files, want %d", c.name, files, c.files)
		}
		if read > c.read || held > c.held {
			t.Errorf("%s takes more than %.0f and %.0f", c.name, c.read, c.held)
		}
	}
}

// BenchmarkColdReaders is the time that a process takes which has just begun.
func BenchmarkColdReaders(b *testing.B) {
	m, o := bigLedger(b)
	from := epoch.Add(6 * time.Hour)
	for name, ask := range map[string]func(*dynamodb.Ledger) int{
		"pending": func(l *dynamodb.Ledger) int { return pending(b, l) },
		"hour": func(l *dynamodb.Ledger) int {
			j, err := l.Between(b.Context(), from, from.Add(time.Hour))
			return length(b, j, err)
		},
		"all": func(l *dynamodb.Ledger) int {
			j, err := l.Journal(b.Context())
			return length(b, j, err)
		},
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			var read, held float64
			for b.Loop() {
				read, held, _ = use(b, m, o, ask)
			}
			b.ReportMetric(read, "read-B/file")
			b.ReportMetric(held, "held-B/file")
		})
	}
}
