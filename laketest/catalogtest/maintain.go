package catalogtest

import (
	"context"
	"time"

	"github.com/eventlake/lake"
)

const keep = time.Hour

// grow makes n commits, the last of which replaces all files by one.
func (h *harness) grow(n int) (lake.Table, []lake.DataFile) {
	h.Helper()
	var base lake.Table
	for range n {
		base, _ = h.append(base, lesson)
	}
	old := base.Files
	base = h.commit(lake.TableCommit{Table: lesson, Base: base.Snapshot, Schema: columns(), Add: []lake.DataFile{h.file(lesson, 18000)}, Remove: old})
	return base, old
}

func (h *harness) wantHas(want bool, files ...lake.DataFile) {
	h.Helper()
	for _, f := range files {
		if got := h.Has(h, f.Key); got != want {
			h.Fatalf("%s exists: %t, want %t", f.Key, got, want)
		}
	}
}

func testMaintain(h *harness) {
	base, old := h.grow(10)
	h.clock.Advance(2 * keep)
	m := h.maintain(keep)
	if m.Snapshots != 10 || m.Files < len(old) || m.Bytes <= 0 {
		h.Fatalf("maintenance did %+v, want 10 snapshots and at least %d files", m, len(old))
	}
	h.same(h.table(lesson), base)
	h.wantHas(false, old...)
	h.wantHas(true, base.Files...)
	h.Catalog = h.Reopen(h)
	h.same(h.table(lesson), base)
	next, _ := h.append(base, lesson)
	h.same(h.table(lesson), next)
	h.maintain(0)
	h.same(h.table(lesson), next)
}

func testMaintainGrace(h *harness) {
	one, f := h.append(lake.Table{}, lesson)
	h.clock.Advance(5 * keep)
	two := h.commit(lake.TableCommit{Table: lesson, Base: one.Snapshot, Schema: columns(), Remove: []lake.DataFile{f}})
	// The file and its snapshot are old, but a reader may have looked up the
	// snapshot a moment ago.
	if m := h.maintain(keep); m.Snapshots != 0 {
		h.Fatalf("maintenance did %+v", m)
	}
	h.wantHas(true, f)
	h.clock.Advance(keep + time.Second)
	if m := h.maintain(keep); m.Snapshots != 1 {
		h.Fatalf("maintenance did %+v", m)
	}
	h.wantHas(false, f)
	h.same(h.table(lesson), two)
}

func testMaintainYoung(h *harness) {
	base, _ := h.append(lake.Table{}, lesson)
	f := h.file(lesson, 18000)
	h.clock.Advance(keep - time.Minute)
	h.maintain(keep)
	h.wantHas(true, f)
	got := h.commit(lake.TableCommit{Table: lesson, Base: base.Snapshot, Schema: columns(), Add: []lake.DataFile{f}})
	h.clock.Advance(3 * keep)
	h.maintain(keep)
	h.wantHas(true, f)
	h.wantFiles(h.table(lesson), got.Files...)
}

func testMaintainOrphans(h *harness) {
	base, _ := h.append(lake.Table{}, lesson)
	f := h.file(lesson, 18000)
	h.clock.Advance(keep + time.Minute)
	if m := h.maintain(keep); m.Files < 1 || m.Bytes < f.Bytes {
		h.Fatalf("maintenance did %+v", m)
	}
	h.wantHas(false, f)
	h.same(h.table(lesson), base)
}

func testMaintainTwice(h *harness) {
	h.grow(5)
	h.clock.Advance(2 * keep)
	h.maintain(keep)
	// What the first run itself left behind may be old in the clock's time only.
	h.maintain(keep)
	if m := h.maintain(keep); m != (lake.Maintenance{}) {
		h.Fatalf("maintenance did %+v again", m)
	}
}

func testMaintainAbsent(h *harness) {
	_, err := h.Catalog.Maintain(context.Background(), lesson, keep)
	h.wantErr(err, lake.ErrNotFound)
}

func testMaintainBase(h *harness) {
	base, _ := h.grow(5)
	h.clock.Advance(2 * keep)
	h.maintain(keep)
	h.append(base, lesson)
}
