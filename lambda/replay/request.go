package replay

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/aws/event"
	stage "github.com/eventlake/lake/replay"
)

// Targets of a Request.
const (
	ToStream  = "stream"  // publish the events again, with their original ids
	ToRebuild = "rebuild" // make the tables' days again from raw
	ToDrain   = "drain"   // settle the batches that lambda-ingest gave up
)

// Request is what a replay is asked for.
type Request struct {
	Target  string          `json:"target"`
	From    string          `json:"from,omitempty"` // event time, inclusive: RFC 3339, or a date
	To      string          `json:"to,omitempty"`   // exclusive
	Types   []string        `json:"types,omitempty"`
	Sources []lake.SourceID `json:"sources,omitempty"` // stream only
	// Share is what part of the write quota of the stream's open shards is used;
	// default DefaultShare. Stream only.
	Share  float64 `json:"share,omitempty"`
	DryRun bool    `json:"dry_run,omitempty"`
	Force  bool    `json:"force,omitempty"` // a rebuild: swap days without a difference too
	// DropMissing lets a rebuild swap days although raw does not have all of the
	// table's rows.
	DropMissing bool `json:"drop_missing,omitempty"`
	// Cursor is where to go on: what the last call did last. It is set when a
	// replay hands itself the rest.
	Cursor string `json:"cursor,omitempty"`
	// Calls counts the calls of one replay, so that one that gets nowhere ends.
	Calls int `json:"calls,omitempty"`
	// Idle counts those at the end of which that came no further.
	Idle int `json:"idle,omitempty"`
}

// DefaultShare leaves half of the stream to producers. Below minShare not even
// one batch is published in a call.
const (
	DefaultShare = 0.5
	minShare     = 0.01
)

// maxCalls ends a replay that would go on for ever: at 15 minutes a call, ten
// days.
const maxCalls = 1000

// maxIdle is how many calls in a row may come no further: a service may be slow
// for a while, but what does not fit into a call never will.
const maxIdle = 3

func parseRequest(payload []byte) (r Request, err error) {
	const hint = `send {"target":"stream"|"rebuild"|"drain","from":"2026-01-01","to":"2026-02-01","types":["account"],"dry_run":true}`
	if err := event.Request(payload, &r); err != nil {
		return r, lake.Errorf(err, hint, "the request cannot be read")
	}
	if !slices.Contains([]string{ToStream, ToRebuild, ToDrain}, r.Target) {
		return r, lake.Errorf(lake.ErrInvalid, hint, "target %q", r.Target)
	}
	if r.Calls >= maxCalls {
		return r, lake.Errorf(lake.ErrLimit, "look at why it does not get on, then start it again with its cursor", "a replay of %d calls", r.Calls)
	}
	if r.Idle >= maxIdle {
		return r, lake.Errorf(lake.ErrLimit, "a day of a table has to fit into one call: give the function more memory, and processors with it, then start it again with its cursor",
			"a replay that came no further than %q in %d calls", r.Cursor, r.Idle)
	}
	if len(r.Sources) > 0 && r.Target != ToStream {
		return r, lake.Errorf(lake.ErrInvalid, "leave sources out, or publish to the stream", "a rebuild of some sources")
	}
	switch {
	case r.Target == ToStream && r.Share == 0:
		r.Share = DefaultShare
	case r.Target != ToStream && r.Share != 0:
		return r, lake.Errorf(lake.ErrInvalid, "leave share out, or publish to the stream", "a %s with a share of the stream", r.Target)
	case r.Target == ToStream && !(r.Share >= minShare && r.Share <= 1):
		return r, lake.Errorf(lake.ErrInvalid, "use 0.01 to 1; without it 0.5 is used", "a share of %g of the stream's write quota", r.Share)
	}
	return r, nil
}

// window is the request's range.
func (r *Request) window() (stage.Range, error) {
	out := stage.Range{Types: r.Types, Sources: r.Sources}
	var err error
	if out.From, err = parseTime(r.From); err != nil {
		return out, err
	}
	if out.To, err = parseTime(r.To); err != nil {
		return out, err
	}
	return out, out.Validate()
}

// parseTime returns nil for "", which is no bound.
func parseTime(text string) (*lake.Instant, error) {
	if text == "" {
		return nil, nil
	}
	if t, err := time.Parse(time.RFC3339Nano, text); err == nil {
		return new(lake.InstantOf(t)), nil
	}
	day, err := lake.ParseDay(text)
	if err != nil {
		return nil, lake.Errorf(lake.ErrInvalid, "write 2026-01-31 or 2026-01-31T12:00:00Z", "time %q", text)
	}
	return new(day.Start()), nil
}

// days returns the request's range, which has to be one of whole days: a rebuild
// takes no parts of days.
func (r *Request) days() (stage.Range, error) {
	w, err := r.window()
	if err != nil {
		return w, err
	}
	for _, t := range []*lake.Instant{w.From, w.To} {
		if t != nil && *t != t.Day().Start() {
			return w, lake.Errorf(lake.ErrInvalid, "use dates", "a rebuild is of whole days, not from %s to %s", r.From, r.To)
		}
	}
	return w, nil
}

// place is where a replay stands: behind a file, in the order in which files are
// published, or behind some of its events.
type place struct {
	received lake.Instant
	key      lake.Key
	events   int64 // of the file, when not all of it is done; else 0
}

func placeOf(f lake.File) place { return place{received: f.Received, key: f.Key} }

func (p place) compare(q place) int {
	return cmp.Or(cmp.Compare(p.received, q.received), cmp.Compare(p.key, q.key))
}

// left is how a file stands to a replay that has come to p: whether it is done,
// and else how many of its events are.
func (p place) left(f lake.File) (events int64, done bool) {
	at := placeOf(f).compare(p)
	if at == 0 && p.events > 0 {
		return p.events, false
	}
	return 0, at <= 0
}

// String is the received time, the events if there are any, and the key.
func (p place) String() string {
	s := strconv.FormatInt(int64(p.received), 10)
	if p.events > 0 {
		s += "+" + strconv.FormatInt(p.events, 10)
	}
	return s + " " + string(p.key)
}

func parsePlace(cursor string) (p place, err error) {
	if cursor == "" {
		return p, nil
	}
	at, key, ok := strings.Cut(cursor, " ")
	received, events, part := strings.Cut(at, "+")
	n, err := strconv.ParseInt(received, 10, 64)
	if part && err == nil {
		p.events, err = strconv.ParseInt(events, 10, 64)
	}
	if !ok || err != nil || part && p.events <= 0 {
		return place{}, lake.Errorf(lake.ErrInvalid, "take the cursor of the last answer", "cursor %q", cursor)
	}
	p.received, p.key = lake.Instant(n), lake.Key(key)
	return p, nil
}
