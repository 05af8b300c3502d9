package assemble

import (
	"fmt"
	"testing"
	"time"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/config"
)

// A crash takes the only name that fills the cap with it; a copy of an event of
// the name that had no place then comes after its claim has expired.
func TestANameBeyondTheCapStaysThereAfterACrash(t *testing.T) {
	dir := t.TempDir()
	now := lake.InstantOf(time.Unix(1772359200, 0))
	set := func(c *config.Config) {
		c.Stream.Shards, c.Stream.Retention, c.Claims.TTL, c.Ingest.MaxTypes = 2, time.Minute, 2*time.Minute, 1
	}
	l := openedWith(t, dir, &now, set)
	x, y := ofShard(0), ofShard(1)
	event := func(id, name string) map[string]string {
		return map[string]string{id: fmt.Sprintf(`{"event_uuid":%q,"event_name":%q,"created_at":%d}`, id, name, 1772359100)}
	}
	sentIn(t, l, now, event(x, "x:a"))
	sentIn(t, l, now, event(y, "y:a"))
	workers, err := l.Workers(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := workers[0].Step(t.Context()); err != nil { // takes x:a, and never commits
		t.Fatal(err)
	}
	if err := workers[1].Drain(t.Context()); err != nil { // y:a is beyond the cap
		t.Fatal(err)
	}
	closed(t, l)

	l = openedWith(t, dir, &now, set)
	defer closed(t, l)
	now = now.Add(10 * time.Minute)
	sentIn(t, l, now, event(y, "y:a"))
	if workers, err = l.Workers(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, w := range []int{1, 0} { // the other shard is first now
		if err := workers[w].Drain(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := l.Curator.Once(t.Context()); err != nil {
		t.Fatal(err)
	}
	tables, err := l.Catalog.Tables(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range tables {
		if name != "x" && name != lake.OtherName {
			t.Errorf("there is a table %s", name)
		}
	}
	for name, id := range map[lake.TableName]string{"x": x, lake.OtherName: y} {
		ids := tableIDs(t, l, name)
		onceEach(t, ids, 1)
		if ids[idOf(id)] != 1 {
			t.Errorf("table %s has %v", name, ids)
		}
	}
	verified(t, l)
}
