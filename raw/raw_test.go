package raw_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/laketest/memory"
	"github.com/eventlake/lake/raw"
	"github.com/eventlake/lake/transform"
)

// The scanner says which names are taken by bit; both lists must agree.
func TestScannerAndWriterNameTheSameMembers(t *testing.T) {
	if !slices.Equal(raw.Keys(), transform.Keys()) || raw.Prefix != transform.Prefix {
		t.Errorf("raw: %v, transform: %v", raw.Keys(), transform.Keys())
	}
}

const received = lake.Instant(1_767_225_600_123_456)

func fields(body string) raw.Fields {
	t, err := transform.New(transform.DefaultMapping())
	if err != nil {
		panic(err)
	}
	var row transform.Row
	if r := t.Scanner().Scan("shop", []byte(body), received, &row); r != nil {
		panic(r)
	}
	return raw.Fields{
		ID: row.ID, Weak: row.Weak, Type: bytes.Clone(row.Type), Subtype: bytes.Clone(row.Subtype), Created: row.Created,
		Source: "shop", Shard: "shard-000", Position: lake.Pos(17), Received: received, Taken: row.Taken,
	}
}

const plain = `{"event_uuid":"1","event_name":"account:open","created_at":"2026-01-01T00:00:00Z","n":1.50}`

func TestLinesKeepTheEventAndComeApartAgain(t *testing.T) {
	for name, body := range map[string]string{
		"plain":              plain,
		"white space":        " {\n\t\"event_uuid\" : \"1\",\r\n \"event_name\":\"account:open\",\"created_at\":1767225600 \n} ",
		"no id":              `{"event_name":"account:open","created_at":1767225600}`,
		"own names":          `{"event_uuid":"1","event_name":"a:b","created_at":1767225600,"event_id":"mine","source":5,"position":null}`,
		"own prefixed names": `{"event_uuid":"1","event_name":"a:b","created_at":1767225600,"event_id":"mine","lake_event_id":"mine too","lake_lake_source":1}`,
		"escaped names":      `{"event_uuid":"1","event_name":"a:b","created_at":1767225600,"\u0065vent_id":"mine","\u006Cake\u005fevent_id":2,"lake_\u006cake_event_id":3,"lak\u0065_source":1}`,
		"a forged tail":      `{"event_uuid":"1","event_name":"a:b","created_at":1767225600,"x":",\"event_id\":\"00\",\"event_type\":\"y\"}"}`,
		"odd names":          `{"event_uuid":"1","event_name":"a\"\\\u0001:é/..","created_at":1767225600}`,
	} {
		t.Run(name, func(t *testing.T) {
			want := fields(body)
			line := raw.Append(nil, []byte(body), &want)
			if bytes.Count(line, []byte("\n")) != 1 || line[len(line)-1] != '\n' {
				t.Errorf("not one line: %q", line)
			}
			var members map[string]any
			if err := json.Unmarshal(line, &members); err != nil {
				t.Fatalf("%s: %v", line, err)
			}
			var original map[string]any
			if err := json.Unmarshal([]byte(body), &original); err != nil {
				t.Fatal(err)
			}
			for k, v := range original {
				if fmt.Sprint(members[k]) != fmt.Sprint(v) {
					t.Errorf("member %s is %v, was %v", k, members[k], v)
				}
			}
			added := len(raw.Keys())
			if !want.Weak {
				added--
			}
			if len(members) != len(original)+added {
				t.Errorf("%d members became %d", len(original), len(members))
			}
			var got raw.Fields
			head, err := raw.Split(line, &got)
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(got, want) {
				t.Errorf("got  %+v\nwant %+v", got, want)
			}
			var again map[string]any
			if err := json.Unmarshal(append(bytes.Clone(head), '}'), &again); err != nil || len(again) != len(original) {
				t.Errorf("body %q: %v", head, err)
			}
		})
	}
}

func TestLinesThatNobodyWroteAreCorrupt(t *testing.T) {
	f := fields(plain)
	line := string(raw.Append(nil, []byte(plain), &f))
	for name, bad := range map[string]string{
		"empty": "", "no fields": plain, "cut": line[:len(line)-5],
		"id": strings.Replace(line, `event_id":"`, `event_id":"zz`, 1), "time": strings.Replace(line, "2026-01-01T00:00:00.123456Z", "2026-13-01T00:00:00.123456Z", 1),
		"more": strings.TrimSuffix(line, "}\n") + `,"x":1}`, "order": strings.Replace(line, `"shard":`, `"shart":`, 1),
	} {
		var got raw.Fields
		if _, err := raw.Split([]byte(bad), &got); !errors.Is(err, lake.ErrCorrupt) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzSplit(f *testing.F) {
	good := fields(plain)
	f.Add(raw.Append(nil, []byte(plain), &good))
	f.Add([]byte(`{"event_id":"`))
	f.Add([]byte(`,"lake_event_id":"00000000000000000000000000000000","event_type":"\`))
	f.Fuzz(func(t *testing.T, line []byte) {
		var got raw.Fields
		body, err := raw.Split(line, &got)
		if err != nil {
			if !errors.Is(err, lake.ErrCorrupt) && !errors.Is(err, lake.ErrInvalid) {
				t.Fatalf("%v", err)
			}
			return
		}
		if len(body) > len(line) {
			t.Fatalf("body %q of line %q", body, line)
		}
	})
}

// kit is one worker's things over a store in memory.
type kit struct {
	store  *memory.Store
	ledger *memory.Ledger
	gzip   *raw.Compressor
	cache  *raw.Cache
	free   *raw.Memory
}

func newKit(t testing.TB) kit {
	t.Helper()
	s := memory.NewStore()
	gz, err := raw.NewCompressor(s, 1)
	if err != nil {
		t.Fatal(err)
	}
	free := raw.NewMemory(1 << 20)
	return kit{s, memory.NewLedger(time.Hour), gz, raw.NewCache(1<<20, free), free}
}

// write commits a file with n events of the partition "account/open".
func (k kit) write(t *testing.T, after, to uint64) lake.File {
	t.Helper()
	return k.writeBody(t, after, to, plain)
}

func (k kit) writeBody(t *testing.T, after, to uint64, body string) lake.File {
	t.Helper()
	return k.writeDay(t, received.Day(), after, to, body)
}

func (k kit) writeDay(t *testing.T, day lake.Day, after, to uint64, body string) lake.File {
	t.Helper()
	b := raw.NewBuffer(k.free)
	part := b.Part(lake.Partition{Name: lake.Name{Type: "account", Subtype: "open"}, Day: day})
	for n := after + 1; n <= to; n++ {
		f := fields(body)
		f.Position = lake.Pos(n)
		part.Add([]byte(body), &f)
	}
	span := lake.Span{After: lake.Pos(after), To: lake.Pos(to)}
	files, err := b.Write(t.Context(), raw.NewWriter(k.gzip, k.cache), "shard-000", span)
	if err != nil || len(files) != 1 {
		t.Fatalf("%v, %v", files, err)
	}
	if err := k.ledger.Commit(t.Context(), lake.Commit{Shard: "shard-000", Span: span, Add: files}); err != nil {
		t.Fatal(err)
	}
	return files[0]
}

func readAll(ctx context.Context, r *raw.Reader, f lake.File) (_ string, err error) {
	in, err := r.Open(ctx, f)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, in.Close()) }()
	b, err := io.ReadAll(in)
	return string(b), err
}

func TestFilesReadTheSameFromCacheAndDisk(t *testing.T) {
	k := newKit(t)
	f := k.write(t, 0, 5)
	if f.Events != 5 || f.Key != "raw/event_type=account/event_subtype=open/year=2026/month=01/day=01/part-shard-000-000000000000-000000000005.ndjson.gz" {
		t.Errorf("%+v", f)
	}
	cached, err := readAll(t.Context(), raw.NewReader(k.store, k.cache), f)
	if err != nil {
		t.Fatal(err)
	}
	stored, err := readAll(t.Context(), raw.NewReader(k.store, k.cache), f) // the cache hands out once
	if err != nil || stored != cached || strings.Count(stored, "\n") != 5 {
		t.Errorf("%v: %q against %q", err, stored, cached)
	}
}

func TestDamageEndsReadingWithTheFilesName(t *testing.T) {
	k := newKit(t)
	f := k.write(t, 0, 5)
	wrong := f
	wrong.CRC++
	if _, err := readAll(t.Context(), raw.NewReader(k.store, nil), wrong); !errors.Is(err, lake.ErrCorrupt) || !strings.Contains(err.Error(), string(f.Key)) {
		t.Errorf("checksum: %v", err)
	}
	wrong = f
	wrong.Bytes++
	if _, err := readAll(t.Context(), raw.NewReader(k.store, nil), wrong); !errors.Is(err, lake.ErrCorrupt) {
		t.Errorf("size: %v", err)
	}
}

func TestMergingKeepsEveryLineAndOnlyTouchesCuratedFiles(t *testing.T) {
	k := newKit(t)
	var want string
	for n := range uint64(4) {
		f := k.write(t, n*3, n*3+3)
		text, err := readAll(t.Context(), raw.NewReader(k.store, nil), f)
		if err != nil {
			t.Fatal(err)
		}
		if n < 3 {
			want += text
		}
	}
	curated := map[lake.ShardID]lake.Position{"shard-000": lake.Pos(9)}
	merged, err := raw.Merge(t.Context(), k.ledger, k.store, curated, raw.MergeOptions{Files: 2})
	if err != nil || merged.From != 3 || merged.To != 1 {
		t.Fatalf("%+v, %v", merged, err)
	}
	journal, err := k.ledger.Journal(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	live := slices.Collect(journal.Files(lake.KindRaw))
	if len(live) != 2 {
		t.Fatalf("%d files", len(live))
	}
	for _, f := range live {
		text, err := readAll(t.Context(), raw.NewReader(k.store, nil), f)
		if err != nil {
			t.Fatal(err)
		}
		if f.Events == 9 && text != want {
			t.Errorf("merged file has other lines")
		}
	}
	if again, err := raw.Merge(t.Context(), k.ledger, k.store, curated, raw.MergeOptions{Files: 2}); err != nil || again.From != 0 {
		t.Errorf("a repeat merged %+v, %v", again, err)
	}
}

func TestSweepDeletesWhatNoCommitNamesAfterTheGrace(t *testing.T) {
	k := newKit(t)
	kept := k.write(t, 0, 5)
	ahead := lake.Key("raw/event_type=a/event_subtype=b/year=2026/month=01/day=01/part-shard-000-000000000005-000000000009.ndjson.gz")
	stale := lake.Key("raw/event_type=a/event_subtype=b/year=2026/month=01/day=01/part-shard-000-000000000000-000000000003.ndjson.gz")
	for _, key := range []lake.Key{ahead, stale} {
		if _, err := k.gzip.Create(t.Context(), key, []byte("x\n")); err != nil {
			t.Fatal(err)
		}
	}
	now := received
	s := raw.NewSweeper(k.ledger, k.store, func() lake.Instant { return now })
	for i, want := range []int{0, 0, 1, 0} {
		if n, err := s.Sweep(t.Context(), time.Minute, nil, raw.Root); err != nil || n != want {
			t.Errorf("sweep %d deleted %d, %v", i, n, err)
		}
		now = now.Add(31 * time.Second)
	}
	for key, there := range map[lake.Key]bool{kept.Key: true, ahead: true, stale: false} {
		o, err := k.store.Open(t.Context(), key)
		if (err == nil) != there {
			t.Errorf("%s: %v", key, err)
		}
		if err == nil {
			if err := o.Close(); err != nil {
				t.Error(err)
			}
		}
	}
}

// What a killed process wrote and did not commit goes when the stream has its
// records and nothing is taken in; else it may be all that there is of them.
func TestSweepDeletesWhatAKilledProcessLeft(t *testing.T) {
	k := newKit(t)
	kept := k.write(t, 0, 5)
	left := lake.Key("raw/event_type=a/event_subtype=b/year=2026/month=01/day=01/part-shard-000-000000000005-000000000009.ndjson.gz")
	if _, err := k.gzip.Create(t.Context(), left, []byte("x\n")); err != nil {
		t.Fatal(err)
	}
	s := raw.NewSweeper(k.ledger, k.store, lake.SystemClock)
	for _, c := range []struct {
		name   string
		shards []lake.Shard
		want   int
	}{
		{"another shard", []lake.Shard{{ID: "shard-001", Last: lake.Pos(9)}}, 0},
		{"a stream that ends before", []lake.Shard{{ID: "shard-000", Last: lake.Pos(8)}}, 0},
		{"a stream that was trimmed", []lake.Shard{{ID: "shard-000", Trimmed: lake.Pos(6), Last: lake.Pos(12)}}, 0},
		{"a stream that has the records", []lake.Shard{{ID: "shard-000", Trimmed: lake.Pos(5), Last: lake.Pos(9)}}, 1},
	} {
		if n, err := s.Sweep(t.Context(), time.Hour, raw.InStream(c.shards), raw.Root); err != nil || n != c.want {
			t.Errorf("%s: %d deleted, %v; want %d", c.name, n, err, c.want)
		}
	}
	if _, err := k.store.Open(t.Context(), left); !errors.Is(err, lake.ErrNotFound) {
		t.Errorf("%s: %v", left, err)
	}
	o, err := k.store.Open(t.Context(), kept.Key)
	if err != nil {
		t.Fatal(err)
	}
	if err := o.Close(); err != nil {
		t.Fatal(err)
	}
}

func BenchmarkAppend(b *testing.B) {
	body := []byte(`{"event_uuid":"1","event_name":"account:open","created_at":"2026-01-01T00:00:00Z","pad":"` + strings.Repeat("x", 400) + `"}`)
	f := fields(string(body))
	dst := make([]byte, 0, 1<<10)
	b.ReportAllocs()
	b.SetBytes(int64(len(body)))
	for b.Loop() {
		dst = raw.Append(dst[:0], body, &f)
	}
}

func BenchmarkSplit(b *testing.B) {
	f := fields(plain)
	line := raw.Append(nil, []byte(plain), &f)
	var got raw.Fields
	b.ReportAllocs()
	for b.Loop() {
		if _, err := raw.Split(line, &got); err != nil {
			b.Fatal(err)
		}
	}
}
