package raw_test

import (
	"errors"
	"testing"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/raw"
)

func TestKeySaysWhatAFileHolds(t *testing.T) {
	day, err := lake.ParseDay("2021-07-21")
	if err != nil {
		t.Fatal(err)
	}
	p := lake.Partition{Name: lake.Name{Type: "account", Subtype: "a-b.c"}, Day: day}
	span := lake.Span{After: lake.Pos(12), To: lake.Pos(3_000_000_000_000)}
	key := lake.Key(raw.Root + p.Dir() + "/" + raw.SpanName("merged8", "shard-003", span) + ".ndjson.gz")
	got, err := raw.ParseKey(key)
	want := raw.Named{Kind: lake.KindRaw, Prefix: "merged8", Partition: p, Shard: "shard-003", Span: span}
	if err != nil || got != want {
		t.Errorf("%s: %+v, %v", key, got, err)
	}
	key = lake.Key("quarantine/day=2021-07-21/" + raw.SpanName("part", "shard-003", span) + ".ndjson.gz")
	got, err = raw.ParseKey(key)
	want = raw.Named{Kind: lake.KindQuarantine, Prefix: "part", Partition: lake.Partition{Day: day}, Shard: "shard-003", Span: span}
	if err != nil || got != want {
		t.Errorf("%s: %+v, %v", key, got, err)
	}
	for _, bad := range []lake.Key{
		"", "x", "raw/x/part-shard-000-1-2.ndjson.gz", "quarantine/day=x/part-shard-000-1-2.ndjson.gz",
		"quarantine/day=2021-07-21/part-shard-000-1-x.ndjson.gz", "quarantine/day=2021-07-21/part-1-2.ndjson.gz",
		"raw/event_type=a/event_subtype=b/year=2021/month=13/day=01/part-shard-000-1-2.ndjson.gz",
		"raw/event_type=a/event_subtype=/year=2021/month=12/day=01/part-shard-000-1-2.ndjson.gz",
		"raw/event_type=a/event_subtype=b/year=2021/month=12/day=01/part-shard-000-1-2.json",
	} {
		if got, err := raw.ParseKey(bad); !errors.Is(err, lake.ErrInvalid) {
			t.Errorf("%s: %+v, %v", bad, got, err)
		}
	}
}
