package assemble

import (
	"bytes"
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/config"
	"github.com/eventlake/lake/replay"
)

const created = 1772359200 // 2026-03-01T10:00:00Z

func instant(seconds int64) lake.Instant { return lake.InstantOf(time.Unix(seconds, 0)) }

// A table that has taken nothing yet from one of the shards is rebuilt while
// that shard's first file of the table waits for curate.
func TestARebuildLeavesAShardThatTheTableDoesNotKnowToCurate(t *testing.T) {
	day := instant(created).Day()
	for _, o := range []replay.RebuildOptions{{Force: true}, {From: &day, To: new(day + 1), Force: true}} {
		args, err := json.Marshal(o)
		if err != nil {
			t.Fatal(err)
		}
		t.Run(string(args), func(t *testing.T) {
			now := instant(created + 100)
			l := openedWith(t, t.TempDir(), &now, func(c *config.Config) { c.Stream.Shards = 2 })
			defer closed(t, l)
			first, second := ofShard(0), ofShard(1)
			sentIn(t, l, now, map[string]string{first: body(first, created)})
			if err := l.Settle(t.Context()); err != nil {
				t.Fatal(err)
			}
			sentIn(t, l, now, map[string]string{second: body(second, created+1)})
			drained(t, l) // it is in raw, not in the table
			if _, err := l.Ops()[OpRebuild](t.Context(), args, func(any) {}); err != nil {
				t.Fatal(err)
			}
			onceEach(t, tableIDs(t, l, "account"), 1)
			if err := l.Settle(t.Context()); err != nil {
				t.Fatal(err)
			}
			onceEach(t, tableIDs(t, l, "account"), 2)
			verified(t, l)
		})
	}
}

// With lifetimes so short that every event is compared, one whose own time is
// ahead of the lake's clock comes again after its claim has expired.
func TestAnEventAheadOfTheClockIsComparedToo(t *testing.T) {
	now := instant(created)
	l := openedWith(t, t.TempDir(), &now, func(c *config.Config) {
		c.Stream.Shards, c.Stream.Retention, c.Claims.TTL = 1, time.Minute, 2*time.Minute
	})
	defer closed(t, l)
	if lateAfter(l.Config) != 0 {
		t.Fatalf("only events older than %s are compared", lateAfter(l.Config))
	}
	event := map[string]string{"a": body("a", created+1800)}
	for range 2 {
		sentIn(t, l, now, event)
		if err := l.Settle(t.Context()); err != nil {
			t.Fatal(err)
		}
		now = now.Add(10 * time.Minute)
	}
	onceEach(t, tableIDs(t, l, "account"), 1)
	verified(t, l)
}

// One shard has a record whose log time is far ahead of the other's: the clock
// was wrong for a moment. Claims of the shard behind are forgotten with the next
// sealing, and its copies are found in the table.
func TestCopiesAreFoundInAShardThatIsBehind(t *testing.T) {
	now := instant(created)
	l := openedWith(t, t.TempDir(), &now, func(c *config.Config) { c.Stream.Shards, c.Claims.Memory = 2, 8*config.MiB })
	defer closed(t, l)
	ahead, behind := ofShard(0), ofShard(1)
	sentIn(t, l, now.Add(30*24*time.Hour), map[string]string{ahead: body(ahead, created)})
	event := map[string]string{behind: body(behind, created)}
	sentIn(t, l, now, event)
	for n := 0; l.Ledger.Forgotten() == 0; { // claims for a sealing
		if n > 1_000_000 {
			t.Fatal("a million claims, and none was sealed")
		}
		others := map[string]string{}
		for len(others) < 2000 {
			id := fmt.Sprint("o", n)
			if n++; int(idOf(id)[0])>>7 == 1 {
				others[id] = fmt.Sprintf(`{"event_uuid":%q,"event_name":"noise:x","created_at":%d}`, id, created)
			}
		}
		sentIn(t, l, now, others)
		drained(t, l)
	}
	now = now.Add(time.Minute)
	sentIn(t, l, now, event)
	if err := l.Settle(t.Context()); err != nil {
		t.Fatal(err)
	}
	onceEach(t, tableIDs(t, l, "account"), 2)
	verified(t, l)
}

// JSON writes a control character as six.
func TestTheLongestRefusedBodyCanBeReadAgain(t *testing.T) {
	now := instant(created)
	l := openedWith(t, t.TempDir(), &now, func(c *config.Config) { c.Stream.Shards = 1 })
	defer closed(t, l)
	refused := lake.Event{Source: "shop", Received: now, Body: bytes.Repeat([]byte{1}, lake.MaxBody)}
	if err := l.Stream.Append(t.Context(), []lake.Event{refused}); err != nil {
		t.Fatal(err)
	}
	drained(t, l)
	listed := 0
	if _, err := l.Ops()[OpQuarantineList](t.Context(), []byte(`{}`), func(any) { listed++ }); err != nil || listed != 1 {
		t.Errorf("%d entries, %v", listed, err)
	}
	if out, err := l.Ops()[OpQuarantineRetry](t.Context(), []byte(`{}`), func(any) {}); err != nil {
		t.Error(fmt.Sprint(out), err)
	}
	verified(t, l)
}
