package raw_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/laketest/memory"
	"github.com/eventlake/lake/raw"
)

// Two workers of other settings write the same span, because one of them does
// not know that it has lost its shard. Whichever commits, its objects are there.
func TestAWriterLeavesTheObjectsOfOthersAlone(t *testing.T) {
	store := memory.NewStore()
	lines := strings.Repeat(plain+"\n", 50)
	write := func(level int) lake.File {
		t.Helper()
		gz, err := raw.NewCompressor(store, level)
		if err != nil {
			t.Fatal(err)
		}
		part := lake.Part{Partition: lake.Partition{Name: lake.Name{Type: "account", Subtype: "open"}}, Lines: []byte(lines), Events: 50}
		files, err := raw.NewWriter(gz, nil).Write(t.Context(), "shardId-000000000001", lake.Span{To: lake.Pos(50)}, []lake.Part{part})
		if err != nil || len(files) != 1 {
			t.Fatal(files, err)
		}
		return files[0]
	}
	first, second := write(1), write(9)
	if first.Key == second.Key || first.CRC == second.CRC {
		t.Fatalf("%+v, %+v: the objects should differ", first, second)
	}
	for _, f := range []lake.File{first, second} {
		if got, err := readAll(t.Context(), raw.NewReader(store, nil), f); err != nil || got != lines {
			t.Errorf("%s: %v", f.Key, err)
		}
		if n, err := raw.ParseKey(f.Key); err != nil || n.Shard != f.Shard || n.Span != f.Span || !strings.HasPrefix(n.Prefix, "part") {
			t.Errorf("%s is read as %+v, %v", f.Key, n, err)
		}
	}
	if again, repeat := write(1), write(9); again != first || repeat != second {
		t.Errorf("a repeat writes %+v and %+v", again, repeat)
	}
}

// What has a name may be data, so a leftover is not replaced either.
func TestAnObjectInTheWayStays(t *testing.T) {
	k := newKit(t)
	const key = "raw/event_type=a/event_subtype=b/year=2026/month=01/day=01/part-shard-000-000000000000-000000000005.ndjson.gz"
	for _, lines := range []string{"1\n", "2\n", "1\n", "2\n"} {
		info, err := k.gzip.Create(t.Context(), key, []byte(lines))
		if err != nil || (info.Key == key) != (lines == "1\n") {
			t.Fatal(info, err)
		}
		f := lake.File{Key: info.Key, Bytes: info.Bytes, CRC: info.CRC}
		if got, err := readAll(t.Context(), raw.NewReader(k.store, nil), f); err != nil || got != lines {
			t.Errorf("%s has %q, %v", f.Key, got, err)
		}
	}
	if _, err := raw.NewCompressor(k.store, 10); !errors.Is(err, lake.ErrInvalid) {
		t.Errorf("gzip level 10: %v", err)
	}
}
