package quarantine

import (
	"context"
	"errors"
	"fmt"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/raw"
	"github.com/eventlake/lake/transform"
)

// Filter chooses entries. Zero values choose all that were not retried.
type Filter struct {
	Name    string // one entry, as Entry.Name gives it
	Reason  lake.Reason
	Source  lake.SourceID
	Since   lake.Instant // received at or after
	Retried bool         // also those that were retried
}

// Matches reports whether the entry is chosen.
func (f Filter) Matches(e *Entry) bool {
	if f.Since != 0 {
		if t, err := e.ReceivedAt(); err != nil || t < f.Since {
			return false
		}
	}
	return (f.Retried || e.Retried == "") && (f.Name == "" || f.Name == e.Name()) &&
		(f.Reason == "" || f.Reason == e.Reason) && (f.Source == "" || f.Source == e.Source)
}

// Retrier sends quarantined events through the lake again.
type Retrier struct {
	Ledger  lake.Ledger
	Stream  lake.Stream
	Lines   *raw.Reader
	Gzip    *raw.Compressor
	Sources func(lake.SourceID) *transform.Transformer
	Clock   lake.Clock
}

// Retried is what a Retry did, in events.
type Retried struct {
	Sent     int64 `json:"sent"`      // appended to the stream again
	StillBad int64 `json:"still_bad"` // would be refused again; left alone
	Files    int   `json:"files"`     // quarantine files rewritten
}

// Retry appends the chosen events that today's rules accept to the stream
// again, with their original source and body, and marks their entries. An
// event whose id is owned by another body (id_conflict) is only tried when the
// filter names that reason. A crash in between can send an event twice; its
// claim lets one copy through, so nothing is doubled.
func (r *Retrier) Retry(ctx context.Context, filter Filter) (Retried, error) {
	journal, err := r.Ledger.Journal(ctx)
	if err != nil {
		return Retried{}, err
	}
	filter.Retried = false
	var done Retried
	for f := range journal.Files(lake.KindQuarantine) {
		if err := r.file(ctx, f, filter, &done); err != nil {
			return done, fmt.Errorf("retry: %w", f.Key.Named(err))
		}
	}
	return done, nil
}

// file retries the chosen entries of one file: first the stream, then the
// marks, so that a crash repeats instead of forgetting.
func (r *Retrier) file(ctx context.Context, f lake.File, filter Filter, done *Retried) error {
	now := r.Clock()
	var buffer Buffer
	var events []lake.Event
	bytes := 0
	var sent int64
	send := func() error {
		if len(events) == 0 {
			return nil
		}
		if err := r.Stream.Append(ctx, events); err != nil {
			return err
		}
		sent += int64(len(events))
		events, bytes = events[:0], 0
		return nil
	}
	for e, err := range Entries(ctx, r.Lines, f) {
		if err != nil {
			return err
		}
		received, err := e.ReceivedAt()
		if err != nil {
			return err
		}
		if filter.Matches(&e) && (e.Reason != lake.ReasonConflict || filter.Reason == lake.ReasonConflict || filter.Name != "") {
			if ev, ok := r.event(&e, now); ok {
				events, bytes = append(events, ev), bytes+len(ev.Body)
				e.Retried = now.String()
			} else {
				done.StillBad++
			}
		}
		if err := buffer.Add(&e, received); err != nil {
			return err
		}
		if bytes > 4<<20 {
			if err := send(); err != nil {
				return err
			}
		}
	}
	if err := send(); err != nil {
		return err
	}
	if sent == 0 {
		return nil
	}
	done.Sent += sent
	marked := f
	marked.Key = lake.Key(fmt.Sprintf("%sday=%s/%s.ndjson.gz", Root, f.Partition.Day,
		raw.SpanName(fmt.Sprintf("retried%d", now), f.Shard, f.Span)))
	info, err := r.Gzip.Create(ctx, marked.Key, buffer.lines)
	if err != nil {
		return err
	}
	marked.Key, marked.Bytes, marked.CRC = info.Key, info.Bytes, info.CRC
	err = r.Ledger.Commit(ctx, lake.Commit{Shard: f.Shard, Add: []lake.File{marked}, Remove: []lake.File{f}})
	if errors.Is(err, lake.ErrStale) {
		return nil // another retry has marked the file
	}
	done.Files++
	return err
}

// event returns the event to send again; ok is false when today's rules refuse
// it.
func (r *Retrier) event(e *Entry, now lake.Instant) (lake.Event, bool) {
	body := e.Content()
	var row transform.Row
	if refusal := r.Sources(e.Source).Scanner().Scan(e.Source, body, now, &row); refusal != nil {
		return lake.Event{}, false
	}
	return lake.Event{ID: row.ID, Source: e.Source, Received: now, Body: body}, true
}
