package catalogtest

import (
	"context"
	"slices"

	"github.com/eventlake/lake"
)

func testAbsent(h *harness) {
	names, err := h.Catalog.Tables(context.Background())
	if err != nil || len(names) != 0 {
		h.Fatalf("tables of an empty catalog: %v, %v", names, err)
	}
	_, err = h.Catalog.Table(context.Background(), lesson)
	h.wantErr(err, lake.ErrNotFound)
	_, err = h.Catalog.Commit(context.Background(), lake.TableCommit{Table: lesson, Base: 7, Schema: columns()})
	h.wantErr(err, lake.ErrStale)
	_, err = h.Catalog.Table(context.Background(), lesson)
	h.wantErr(err, lake.ErrNotFound)
}

func testCreate(h *harness) {
	f := stat(h.file(lesson, -3))
	got := h.commit(lake.TableCommit{Table: lesson, Schema: columns(), Add: []lake.DataFile{f}})
	h.wantFiles(got, f)
	if got.Snapshot == 0 || got.Name != lesson || got.Location != "tables/lesson" {
		h.Fatalf("created %+v", got)
	}
	if d := h.clock.Now().Sub(got.Time); d < 0 || d.Milliseconds() > 1 {
		h.Fatalf("time is %s, the clock says %s", got.Time, h.clock.Now())
	}
	h.same(h.table(lesson), got)
}

func testTables(h *harness) {
	for _, n := range []lake.TableName{"payment", "account", "lesson"} {
		h.commit(lake.TableCommit{Table: n, Schema: columns()})
	}
	names, err := h.Catalog.Tables(context.Background())
	if err != nil || !slices.Equal(names, []lake.TableName{"account", "lesson", "payment"}) {
		h.Fatalf("tables: %v, %v", names, err)
	}
}

func testAppend(h *harness) {
	var base lake.Table
	var want []lake.DataFile
	for range 100 { // over every threshold at which an adapter merges its metadata
		var f lake.DataFile
		before := base.Snapshot
		base, f = h.append(base, lesson)
		if base.Snapshot == before {
			h.Fatal("a commit must make a new snapshot")
		}
		want = append(want, f)
	}
	h.wantFiles(base, want...)
	h.same(h.table(lesson), base)
}

func testSorted(h *harness) {
	a, b, c := h.file(lesson, 18002), h.file(lesson, 18000), h.file(lesson, 18001)
	got := h.commit(lake.TableCommit{Table: lesson, Schema: columns(), Add: []lake.DataFile{a, b, c}})
	if !slices.IsSortedFunc(got.Files, func(x, y lake.DataFile) int { return slices.Compare([]byte(x.Key), []byte(y.Key)) }) {
		h.Fatalf("files are not sorted: %v", got.Files)
	}
	h.wantFiles(h.table(lesson), a, b, c)
}

func testOwned(h *harness) {
	want, _ := h.append(lake.Table{}, lesson)
	spoilt := h.table(lesson)
	spoilt.Files[0].Key = "spoilt"
	spoilt.Schema.Columns[0].Name = "spoilt"
	spoilt.Consumed["spoilt"] = lake.Pos(1)
	spoilt.Summary["spoilt"] = "yes"
	h.same(h.table(lesson), want)
}

func testStale(h *harness) {
	first, _ := h.append(lake.Table{}, lesson)
	second, _ := h.append(first, lesson)
	for name, base := range map[string]lake.SnapshotID{"an older snapshot": first.Snapshot, "no snapshot": 0, "an unknown one": second.Snapshot + 1} {
		f := h.file(lesson, 18000)
		_, err := h.Catalog.Commit(context.Background(), lake.TableCommit{
			Table: lesson, Base: base, Schema: columns(), Add: []lake.DataFile{f}, Consumed: map[lake.ShardID]lake.Position{"shard-000": lake.Pos(9)},
		})
		if err == nil {
			h.Fatalf("commit on %s passed", name)
		}
		h.wantErr(err, lake.ErrStale)
		h.same(h.table(lesson), second)
	}
}

func testForeignBase(h *harness) {
	one, _ := h.append(lake.Table{}, "account")
	_, err := h.Catalog.Commit(context.Background(), lake.TableCommit{Table: lesson, Base: one.Snapshot, Schema: columns()})
	h.wantErr(err, lake.ErrStale)
}

func testReplace(h *harness) {
	var base lake.Table
	var files []lake.DataFile
	for range 20 {
		var f lake.DataFile
		base, f = h.append(base, lesson)
		files = append(files, f)
	}
	big := h.file(lesson, 18000)
	got := h.commit(lake.TableCommit{
		Table: lesson, Base: base.Snapshot, Schema: columns(), Add: []lake.DataFile{big}, Remove: files[3:17],
		Summary: map[string]string{"operation": "replace"},
	})
	want := append(slices.Clone(files[:3]), big)
	want = append(want, files[17:]...)
	h.wantFiles(got, want...)
	h.same(h.table(lesson), got)
	after, f := h.append(got, lesson)
	h.wantFiles(after, append(want, f)...)
}

func testRemoveUnknown(h *harness) {
	base, f := h.append(lake.Table{}, lesson)
	other, add := h.file(lesson, 18000), h.file(lesson, 18000)
	_, err := h.Catalog.Commit(context.Background(), lake.TableCommit{
		Table: lesson, Base: base.Snapshot, Schema: columns(), Add: []lake.DataFile{add}, Remove: []lake.DataFile{f, other},
	})
	h.wantErr(err, lake.ErrStale)
	h.same(h.table(lesson), base)
}

func testAddTwice(h *harness) {
	base, f := h.append(lake.Table{}, lesson)
	_, err := h.Catalog.Commit(context.Background(), lake.TableCommit{Table: lesson, Base: base.Snapshot, Schema: columns(), Add: []lake.DataFile{f}})
	h.wantErr(err, lake.ErrInvalid)
	g := h.file(lesson, 18000)
	_, err = h.Catalog.Commit(context.Background(), lake.TableCommit{Table: lesson, Base: base.Snapshot, Schema: columns(), Add: []lake.DataFile{g, g}})
	h.wantErr(err, lake.ErrInvalid)
	h.same(h.table(lesson), base)
}

func testRemoveAll(h *harness) {
	one, f := h.append(lake.Table{}, lesson)
	two, g := h.append(one, lesson)
	got := h.commit(lake.TableCommit{Table: lesson, Base: two.Snapshot, Schema: columns(), Remove: []lake.DataFile{f, g}})
	h.wantFiles(got)
	h.same(h.table(lesson), got)
	after, k := h.append(got, lesson)
	h.wantFiles(after, k)
}

func testNoFiles(h *harness) {
	base, f := h.append(lake.Table{}, lesson)
	got := h.commit(lake.TableCommit{Table: lesson, Base: base.Snapshot, Schema: columns(), Consumed: map[lake.ShardID]lake.Position{"shard-001": lake.Pos(5)}})
	h.wantFiles(got, f)
	if got.Snapshot == base.Snapshot || got.Consumed["shard-001"] != lake.Pos(5) {
		h.Fatalf("got %+v", got)
	}
	h.same(h.table(lesson), got)
}
