package firehose_test

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/aws/firehose"
	"github.com/eventlake/lake/raw"
	"github.com/eventlake/lake/transform"
)

// part makes a part of events as ingest does: through the transformer, so that
// names are made path-safe and collisions are seen.
func part(t testing.TB, name lake.Name, bodies ...string) lake.Part {
	t.Helper()
	tr, err := transform.New(transform.DefaultMapping())
	if err != nil {
		t.Fatal(err)
	}
	scanner := tr.Scanner()
	buffer := raw.NewBuffer(raw.NewMemory(0))
	received := lake.Instant(1_790_000_000_000_000)
	var out lake.Part
	for i, body := range bodies {
		var row transform.Row
		if refusal := scanner.Scan("web.1", []byte(body), received, &row); refusal != nil {
			t.Fatalf("%s: %v", body, refusal)
		}
		if name == (lake.Name{}) {
			name = row.Name
		}
		buffer.Part(lake.Partition{Name: name, Day: row.Created.Day()}).Add([]byte(body), &raw.Fields{
			ID: row.ID, Weak: row.Weak, Type: row.Type, Subtype: row.Subtype, Created: row.Created, Source: "web.1",
			Shard: "shardId-000000000000", Position: lake.Position{Seq: [3]uint64{1, 2, uint64(i)}, Sub: 7}, Received: received, Taken: row.Taken,
		})
	}
	keep := keeper{&out}
	if _, err := buffer.Write(t.Context(), keep, "s", lake.Span{}); err != nil {
		t.Fatal(err)
	}
	return out
}

// keeper is a sink that takes the first part over.
type keeper struct{ part *lake.Part }

func (k keeper) Write(_ context.Context, _ lake.ShardID, _ lake.Span, parts []lake.Part) ([]lake.File, error) {
	*k.part, parts[0].Lines = parts[0], nil
	return nil, nil
}

const when = `"created_at":"2026-09-11T10:00:00Z"`

func TestWhatJQCannotPlaceGoesTheDirectWay(t *testing.T) {
	for _, c := range []struct {
		name   string
		as     lake.Name // the partition, when it is not what the transformer says
		bodies []string
		direct int
	}{
		{name: "usual names", bodies: []string{
			`{"event_uuid":"1","event_name":"account:opened",` + when + `}`,
			`{"event_uuid":"2","event_name":"account:opened","nested":{"event_type":"evil"},` + when + `}`,
			`{"event_name":"account:opened",` + when + `,"no":"id, so a weak one"}`,
		}},
		{name: "names that are not path-safe", direct: 2, bodies: []string{
			`{"event_uuid":"1","event_name":"a/b:c d",` + when + `}`,
			`{"event_uuid":"2","event_name":"a/b:c d",` + when + `}`,
		}},
		{name: "a way out of the bucket", direct: 1, bodies: []string{
			`{"event_uuid":"1","event_name":"../../tables:\"}\n{",` + when + `}`,
		}},
		{name: "a partition beyond the cap", as: lake.Name{Type: lake.OtherName, Subtype: lake.OtherName}, direct: 1, bodies: []string{
			`{"event_uuid":"1","event_name":"account:opened",` + when + `}`,
		}},
		{name: "members of the lake's names in the event", direct: 3, bodies: []string{
			`{"event_uuid":"1","event_name":"account:opened","event_type":"x",` + when + `}`,
			`{"event_uuid":"2","event_name":"account:opened","event_subtype":"x",` + when + `}`,
			`{"event_uuid":"3","event_name":"account:opened","lake_created_datetime":"1999-01-01",` + when + `}`,
		}},
		{name: "one line of many", direct: 3, bodies: []string{
			`{"event_uuid":"1","event_name":"account:opened",` + when + `}`,
			`{"event_uuid":"2","event_name":"account:opened","event_type":"x",` + when + `}`,
			`{"event_uuid":"3","event_name":"account:opened",` + when + `}`,
		}},
		{name: "members of the lake's names that do not place it", bodies: []string{
			`{"event_uuid":"4","event_name":"account:opened","source":1,"position":2,"lake_shard":3,"received_at":4,` + when + `}`,
			`{"event_name":"account:opened","weak_id":"mine","lake_weak_id":1,"event_id":3,` + when + `}`,
		}},
		{name: "an event that looks like the end of a line", direct: 1, bodies: []string{
			`{"event_uuid":"1","event_name":"account:opened","event_type":"evil",` + when + `,"o":{"x":"1","event_type":"account","event_subtype":"opened","created_datetime":"2026-09-11T10:00:00.000000Z"}}`,
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := start(t, firehose.Options{})
			p := part(t, c.as, c.bodies...)
			want := slices.Sorted(strings.Lines(string(p.Lines)))
			files, err := s.sink.Write(t.Context(), "s", lake.Span{To: lake.Pos(9)}, []lake.Part{p})
			if err != nil {
				t.Fatal(err)
			}
			kept := s.delivered(t)
			got := slices.Sorted(slices.Values(kept[p.Partition]))
			if len(kept) != 1 || !slices.Equal(got, want) {
				t.Errorf("kept %v, want %v in %s", kept, want, p.Partition.Dir())
			}
			if n := len(s.direct(t)[p.Partition]); n != c.direct || s.sink.Stats().Direct != int64(n) {
				t.Errorf("%d lines went the direct way, want %d; %+v", n, c.direct, s.sink.Stats())
			}
			if len(files) != min(c.direct, 1) || c.direct > 0 && files[0].Events != int64(c.direct) {
				t.Errorf("files %+v", files)
			}
		})
	}
}

// FuzzPlace: whatever the event and the names are, each line ends in its
// partition, and through Firehose if that is right.
func FuzzPlace(f *testing.F) {
	f.Add(`{"a":1}`, "account", "opened", uint16(0), false, "account", "opened")
	f.Add(`{"event_type":"x","lake_event_type":2}`, "account", "opened", uint16(0x1ff), true, "account", "opened")
	f.Add(`{}`, `x","event_subtype":"y`, `\"`, uint16(3), false, "x", "y")
	f.Add(`{"s":"\",\"source\":\""}`, "a/b", "", uint16(0x10), true, "a_b_00000000", "other")
	code := jq(f)
	f.Fuzz(func(t *testing.T, body, typ, subtype string, taken uint16, weak bool, dirType, dirSubtype string) {
		object := map[string]any{}
		if !validEvent(body, object) {
			t.Skip()
		}
		for i, k := range raw.Keys() {
			for member := range object {
				if strings.ReplaceAll(member, raw.Prefix, "") == k {
					taken |= 1 << i
				}
			}
		}
		fields := &raw.Fields{
			Weak: weak, Type: []byte(strings.ToValidUTF8(typ, "?")), Subtype: []byte(strings.ToValidUTF8(subtype, "?")), Created: 1_790_000_000_000_000,
			Source: "web.1", Shard: "shardId-000000000001", Position: lake.Position{Seq: [3]uint64{1}, Sub: 3}, Received: 1_790_000_000_000_001, Taken: taken,
		}
		p := lake.Part{
			Partition: lake.Partition{Name: lake.Name{Type: transform.PathSafe(dirType), Subtype: transform.PathSafe(dirSubtype)}, Day: fields.Created.Day()},
			Lines:     raw.Append(nil, []byte(body), fields), Events: 1,
		}
		line := string(p.Lines)
		right := dirOf(t, code, p.Lines) == raw.Root+p.Partition.Dir()+"/"
		s := start(t, firehose.Options{})
		if _, err := s.sink.Write(t.Context(), "s", lake.Span{To: lake.Pos(1)}, []lake.Part{p}); err != nil {
			t.Fatal(err)
		}
		if kept := s.delivered(t); len(kept) != 1 || !slices.Equal(kept[p.Partition], []string{line}) {
			t.Fatalf("%v is not in %s", kept, p.Partition.Dir())
		}
		if direct := s.sink.Stats().Direct == 1; direct && right && taken&0xe == 0 {
			t.Fatalf("went the direct way without need: %s", line)
		}
	})
}

// validEvent reports whether the transformer could have let the body through.
func validEvent(body string, object map[string]any) bool {
	tr, err := transform.New(transform.DefaultMapping())
	if err != nil {
		panic(err)
	}
	var row transform.Row
	refusal := tr.Scanner().Scan("web.1", []byte(body), 1_790_000_000_000_000, &row)
	if refusal != nil && (refusal.Reason == lake.ReasonMalformed || refusal.Reason == lake.ReasonDuplicate || refusal.Reason == lake.ReasonTooDeep) {
		return false
	}
	return unmarshal(body, object)
}

func TestRecordsHoldLinesOfManyPartitions(t *testing.T) {
	s := start(t, firehose.Options{})
	var parts []lake.Part
	for i := range 50 {
		parts = append(parts, part(t, lake.Name{}, fmt.Sprintf(`{"event_uuid":"%d","event_name":"t%d:s",%s}`, i, i, when)))
	}
	if _, err := s.sink.Write(t.Context(), "s", lake.Span{To: lake.Pos(50)}, parts); err != nil {
		t.Fatal(err)
	}
	if n := len(s.fake.Records()); n != 1 || len(s.delivered(t)) != 50 {
		t.Fatalf("%d records, %d partitions", n, len(s.delivered(t)))
	}
}

func unmarshal(body string, object map[string]any) bool {
	return json.Unmarshal([]byte(body), &object) == nil
}
