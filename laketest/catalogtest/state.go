package catalogtest

import (
	"context"
	"maps"
	"slices"

	"github.com/eventlake/lake"
)

type positions = map[lake.ShardID]lake.Position

func testConsumed(h *harness) {
	var base lake.Table
	for i, step := range []struct{ say, want positions }{
		{positions{"shard-000": lake.Pos(10)}, positions{"shard-000": lake.Pos(10)}},
		{positions{"shard-001": lake.Pos(4)}, positions{"shard-000": lake.Pos(10), "shard-001": lake.Pos(4)}},
		{positions{"shard-000": lake.Pos(3), "shard-001": lake.Pos(5)}, positions{"shard-000": lake.Pos(10), "shard-001": lake.Pos(5)}},
		{nil, positions{"shard-000": lake.Pos(10), "shard-001": lake.Pos(5)}},
		{positions{"shard-000": lake.Pos(11)}, positions{"shard-000": lake.Pos(11), "shard-001": lake.Pos(5)}},
	} {
		base = h.commit(lake.TableCommit{Table: lesson, Base: base.Snapshot, Schema: columns(), Consumed: step.say})
		if !maps.Equal(base.Consumed, step.want) {
			h.Fatalf("step %d: consumed is %v, want %v", i, base.Consumed, step.want)
		}
		h.same(h.table(lesson), base)
	}
}

func testWidePositions(h *harness) {
	p, err := lake.ParsePosition("49590338271490256608559692538361571095921575989136588898.7")
	if err != nil {
		h.Fatal(err)
	}
	base := h.commit(lake.TableCommit{Table: lesson, Schema: columns(), Consumed: positions{"shardId-000000000001": p}})
	h.same(h.table(lesson), base)
	h.Catalog = h.Reopen(h)
	if got := h.table(lesson).Consumed["shardId-000000000001"]; got != p {
		h.Fatalf("position is %s, want %s", got, p)
	}
}

func testSummary(h *harness) {
	said := map[string]string{"operation": "replace", "late_duplicates": "3", "consumed": "not the positions", "empty": ""}
	base := h.commit(lake.TableCommit{Table: lesson, Schema: columns(), Summary: said})
	if !maps.Equal(base.Summary, said) {
		h.Fatalf("summary is %v, want %v", base.Summary, said)
	}
	h.same(h.table(lesson), base)
	base = h.commit(lake.TableCommit{Table: lesson, Base: base.Snapshot, Schema: columns()})
	if len(base.Summary) != 0 {
		h.Fatalf("summary of a commit that says nothing: %v", base.Summary)
	}
}

// rich has every type, nested, with ids that are neither dense nor in order.
func rich() lake.Schema {
	return lake.Schema{LastID: 60, Columns: append(lake.SystemColumns(),
		lake.Column{ID: 30, Name: "amount", Type: lake.TypeInt, Doc: "was Amount"},
		lake.Column{ID: 12, Name: "ratio", Type: lake.TypeDouble},
		lake.Column{ID: 13, Name: "ok", Type: lake.TypeBool},
		lake.Column{ID: 50, Name: "extra", Type: lake.TypeString, JSON: true, Doc: "deeper than the cap"},
		lake.Column{ID: 20, Name: "user", Type: lake.TypeStruct, Fields: []lake.Column{
			{ID: 41, Name: "id", Type: lake.TypeLong},
			{ID: 21, Name: "tags", Type: lake.TypeList, Fields: []lake.Column{{ID: 22, Name: "element", Type: lake.TypeString, JSON: true, Doc: "each is JSON"}}},
			{ID: 23, Name: "seen", Type: lake.TypeTimestamp},
		}},
		lake.Column{ID: 31, Name: "lines", Type: lake.TypeList, Fields: []lake.Column{
			{ID: 32, Name: "element", Type: lake.TypeStruct, Fields: []lake.Column{
				{ID: 34, Name: "qty", Type: lake.TypeInt},
				{ID: 33, Name: "sku", Type: lake.TypeUUID},
				{ID: 35, Name: "steps", Type: lake.TypeList, Fields: []lake.Column{{ID: 36, Name: "element", Type: lake.TypeInt}}},
			}},
		}},
	)}
}

func testSchema(h *harness) {
	want := rich()
	got := h.commit(lake.TableCommit{Table: lesson, Schema: want})
	if !got.Schema.Equal(&want) || got.Schema.LastID != want.LastID {
		h.Fatalf("schema is\n%+v, want\n%+v", got.Schema, want)
	}
	h.Catalog = h.Reopen(h)
	h.same(h.table(lesson), got)
}

func testEvolve(h *harness) {
	s := rich()
	base := h.commit(lake.TableCommit{Table: lesson, Schema: s, Add: []lake.DataFile{h.file(lesson, 18000)}})
	files := slices.Clone(base.Files)
	for _, step := range []struct {
		name   string
		change func(s *lake.Schema)
	}{
		{"new top-level column", func(s *lake.Schema) {
			s.Columns = append(s.Columns, lake.Column{ID: 61, Name: "amount__string", Type: lake.TypeString})
			s.LastID = 61
		}},
		{"int becomes long", func(s *lake.Schema) { s.Column("amount").Type = lake.TypeLong }},
		{"new field in a struct", func(s *lake.Schema) {
			u := s.Column("user")
			u.Fields = append(u.Fields, lake.Column{ID: 62, Name: "mail", Type: lake.TypeString, Doc: "new"})
			s.LastID = 62
		}},
		{"new field in a struct in a list, wider int in a list", func(s *lake.Schema) {
			e := &s.Column("lines").Fields[0]
			e.Fields = append(e.Fields, lake.Column{ID: 64, Name: "note", Type: lake.TypeString, JSON: true})
			e.Fields[2].Fields[0].Type = lake.TypeLong
			s.LastID = 64
		}},
		{"other doc", func(s *lake.Schema) { s.Column("ok").Doc = "said yes" }},
		{"only a higher last id", func(s *lake.Schema) { s.LastID = 90 }},
	} {
		step.change(&s)
		f := h.file(lesson, 18001)
		files = append(files, f)
		base = h.commit(lake.TableCommit{Table: lesson, Base: base.Snapshot, Schema: s, Add: []lake.DataFile{f}})
		if !base.Schema.Equal(&s) || base.Schema.LastID != s.LastID {
			h.Fatalf("%s: schema is\n%+v, want\n%+v", step.name, base.Schema, s)
		}
		h.wantFiles(base, files...)
		h.same(h.table(lesson), base)
	}
	h.Catalog = h.Reopen(h)
	h.same(h.table(lesson), base)
	_, err := h.Catalog.Commit(context.Background(), lake.TableCommit{Table: lesson, Base: base.Snapshot + 1, Schema: columns()})
	h.wantErr(err, lake.ErrStale)
	h.same(h.table(lesson), base)
}

func testReopen(h *harness) {
	grown := columns()
	grown.LastID = rich().LastID
	for _, c := range rich().Columns[len(lake.SystemColumns()):] {
		if grown.Column(c.Name) == nil {
			grown.Columns = append(grown.Columns, c)
		}
	}
	var base lake.Table
	for range 12 {
		base, _ = h.append(base, lesson)
	}
	base = h.commit(lake.TableCommit{
		Table: lesson, Base: base.Snapshot, Schema: grown, Remove: base.Files[:2],
		Consumed: positions{"shard-000": lake.Pos(8)}, Summary: map[string]string{"rows": "1"},
	})
	h.Catalog = h.Reopen(h)
	h.same(h.table(lesson), base)
	after, _ := h.appendWith(base, grown)
	h.Catalog = h.Reopen(h)
	h.same(h.table(lesson), after)
}

// appendWith is append with another schema.
func (h *harness) appendWith(base lake.Table, s lake.Schema) (lake.Table, lake.DataFile) {
	h.Helper()
	f := stat(h.file(lesson, 18000))
	return h.commit(lake.TableCommit{Table: lesson, Base: base.Snapshot, Schema: s, Add: []lake.DataFile{f}}), f
}

func testReopenStale(h *harness) {
	one, _ := h.append(lake.Table{}, lesson)
	two, _ := h.append(one, lesson)
	_, err := h.Catalog.Commit(context.Background(), lake.TableCommit{Table: lesson, Base: one.Snapshot, Schema: columns(), Add: []lake.DataFile{h.file(lesson, 1)}})
	h.wantErr(err, lake.ErrStale)
	h.Catalog = h.Reopen(h)
	h.same(h.table(lesson), two)
}
