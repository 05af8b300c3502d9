package sweep

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/transform"
)

// script is what the client sends, and what must be in the tables for it.
type script struct {
	bodies []string
	want   map[lake.ID]bool
}

// newScript holds unique events, copies inside a request and across requests,
// broken ones, one id with two bodies, more names than the caps.
func newScript(t *testing.T) script {
	t.Helper()
	s := script{bodies: []string{
		strings.Join([]string{
			event("a1", "account:open", 0), event("a2", "account:close", 0), event("l1", "lesson:start", 0),
			event("a1", "account:open", 0), `{"broken`, event("l2", "lesson:start", -1),
		}, "\n"),
		strings.Join([]string{
			event("a2", "account:close", 0), event("p1", "payment:made", 0), `{"event_uuid":"x"}`,
			event("l1", "lesson:other-body", 0), event("q1", "quiz:done", 0), event("old", "account:open", -400),
		}, "\n"),
		strings.Join([]string{
			event("a3", "account:third", 0), event("p1", "payment:made", 0), event("a1", "account:open", 0),
			event("s1", "session:start", 0), event("l3", "lesson:stop", 0),
		}, "\n"),
	}}
	mapping, err := transform.New(transform.DefaultMapping())
	if err != nil {
		t.Fatal(err)
	}
	s.want = valid(mapping, s.bodies)
	return s
}

// event makes a line; the time is days after the start of the run.
func event(id, name string, day int) string {
	return fmt.Sprintf(`{"event_uuid":%q,"event_name":%q,"created_at":%d,"n":%d,"pad":%q}`,
		id, name, start.Time().Unix()+int64(day)*86400, len(id), strings.Repeat("x", 20))
}

// valid are the events that must end up in tables.
func valid(t *transform.Transformer, bodies []string) map[lake.ID]bool {
	s, want := t.Scanner(), map[lake.ID]bool{}
	for _, body := range bodies {
		for line := range strings.SplitSeq(body, "\n") {
			var row transform.Row
			if s.Scan(lake.DefaultSource, []byte(line), start, &row) == nil {
				want[row.ID] = true
			}
		}
	}
	return want
}

// step is one thing that the process does; it is tried again after an error,
// as the loops of the real process do.
type step struct {
	name string
	do   func(*life, context.Context) error
}

// steps are the whole way and everything beside it.
func steps() []step {
	ingest, curate := step{"ingest", (*life).ingest}, step{"curate", (*life).curate}
	return append([]step{
		send(1), ingest, curate, send(2), ingest, send(3), ingest, curate,
		{"merge", (*life).merge},
		{"compact", (*life).compact},
		{"republish", (*life).republish},
		{"retry", (*life).retry},
		ingest,
		{"rebuild", (*life).rebuild},
	}, lastSteps()...)
}

// lastSteps do what a fault left undone, as the next turns of the loops would.
func lastSteps() []step {
	return []step{send(3), {"ingest", (*life).ingest}, {"curate", (*life).curate}}
}

func send(n int) step {
	return step{fmt.Sprintf("send %d", n), func(l *life, _ context.Context) error { return l.send(n) }}
}
