package streamtest

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/eventlake/lake"
)

// start is the Received of the first event.
const start lake.Instant = 1_700_000_000_000_000

// Event makes the n-th event of a writer, with a body of at least size bytes
// that says which one it is. IDs are spread like hashes.
func Event(writer, n, size int) lake.Event {
	e := lake.Event{Source: lake.SourceID(fmt.Sprint("source-", writer%3)), Received: start + lake.Instant(n), Gist: gist(writer, n)}
	rng := rand.New(rand.NewPCG(uint64(writer), uint64(n)))
	binary.BigEndian.PutUint64(e.ID[:8], rng.Uint64())
	binary.BigEndian.PutUint64(e.ID[8:], rng.Uint64())
	e.Body = fmt.Appendf(nil, `{"w":%d,"n":%d,"pad":"`, writer, n)
	e.Body = append(e.Body, bytes.Repeat([]byte("x"), max(0, size-2-len(e.Body)))...)
	e.Body = append(e.Body, `"}`...)
	return e
}

// gist is what was read in an event; in some nobody did.
func gist(writer, n int) lake.Gist {
	if n%5 == 0 {
		return lake.Gist{}
	}
	return lake.Gist{By: writer, Created: lake.Instant(n), Fingerprint: uint32(n), Taken: uint16(n % 7), Weak: n%2 == 0}
}

// Events makes n events of a writer, from number first on.
func Events(writer, first, n, size int) []lake.Event {
	out := make([]lake.Event, n)
	for i := range out {
		out[i] = Event(writer, first+i, size)
	}
	return out
}

// ctx is a context that ends when something takes longer than it may.
func (s Subject) ctx(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), s.Patience)
	t.Cleanup(cancel)
	return ctx
}

func appendAll(ctx context.Context, t *testing.T, st lake.Stream, events []lake.Event) {
	t.Helper()
	if err := st.Append(ctx, events); err != nil {
		t.Fatalf("append %d events: %v", len(events), err)
	}
}

func shards(ctx context.Context, t *testing.T, st lake.Stream) []lake.ShardID {
	t.Helper()
	list, err := st.Shards(ctx)
	if err != nil {
		t.Fatal(err)
	}
	var ids []lake.ShardID
	for _, sh := range list {
		ids = append(ids, sh.ID)
	}
	if len(ids) < 2 {
		t.Fatalf("a subject has at least two shards, this one %v", ids)
	}
	return ids
}

// All reads every shard from a position on (the beginning when from has none)
// until it has want records and every shard has said once that it ended. It
// checks that positions ascend, and that no more records come.
func All(ctx context.Context, t *testing.T, st lake.Stream, from map[lake.ShardID]lake.Position, want, piece int) map[lake.ShardID][]lake.Record {
	t.Helper()
	out := map[lake.ShardID][]lake.Record{}
	total, round := 0, 0
	for {
		for _, id := range shards(ctx, t, st) {
			at := from[id]
			if n := len(out[id]); n > 0 {
				at = out[id][n-1].Position
			}
			rs := shardFrom(ctx, t, st, id, at, piece)
			out[id] = append(out[id], rs...)
			total += len(rs)
		}
		if total >= want {
			break
		}
		if err := ctx.Err(); err != nil {
			t.Fatalf("read %d of %d records: %v", total, want, err)
		}
		round++
		time.Sleep(time.Duration(min(round, 100)) * time.Millisecond)
	}
	if total != want {
		t.Fatalf("read %d records, want %d", total, want)
	}
	return out
}

// shardFrom reads a shard to its end. Records are copies.
func shardFrom(ctx context.Context, t *testing.T, st lake.Stream, id lake.ShardID, after lake.Position, piece int) []lake.Record {
	t.Helper()
	var b lake.Batch
	var out []lake.Record
	for {
		if err := st.Read(ctx, id, after, piece, &b); err != nil {
			t.Fatalf("read %s after %s: %v", id, after, err)
		}
		if b.Shard != id {
			t.Fatalf("batch of %q, want %q", b.Shard, id)
		}
		if len(b.Records) == 0 {
			return out
		}
		for _, r := range b.Records {
			if !r.Position.After(after) {
				t.Fatalf("%s: position %s comes after %s", id, r.Position, after)
			}
			after = r.Position
			r.Body = bytes.Clone(r.Body)
			out = append(out, r)
		}
	}
}

// same compares what was stored with what was sent, but for Received.
func same(r lake.Record, e lake.Event) bool {
	return r.ID == e.ID && r.Source == e.Source && bytes.Equal(r.Body, e.Body)
}

// sent is same, and the record's gist is the event's when there is one.
func sent(r lake.Record, e lake.Event) bool {
	return same(r, e) && (r.Gist == e.Gist || r.Gist == lake.Gist{})
}

// number returns writer and number of an Event from its body.
func number(t *testing.T, body []byte) (writer, n int) {
	t.Helper()
	if _, err := fmt.Sscanf(string(body[:min(len(body), 60)]), `{"w":%d,"n":%d,`, &writer, &n); err != nil {
		t.Fatalf("body %.60q: %v", body, err)
	}
	return writer, n
}
