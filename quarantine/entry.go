// Package quarantine keeps what the lake refused: every refused event with its
// reason, its bytes and its place in the stream, in files that the ledger's
// commits vouch for like raw files.
package quarantine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"time"
	"unicode/utf8"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/raw"
)

// Root is the first element of the keys of quarantine files.
const Root = "quarantine/"

// Entry is one refused event.
type Entry struct {
	Reason   lake.Reason   `json:"reason"`
	Detail   string        `json:"detail,omitempty"`
	Source   lake.SourceID `json:"source"`
	Type     string        `json:"type,omitempty"` // partition type, when it was known
	ID       string        `json:"event_id"`       // 32 hex digits; of the bytes when the event's own could not be read
	Shard    lake.ShardID  `json:"shard"`
	Position lake.Position `json:"position"`
	Received string        `json:"received_at"` // RFC 3339, UTC
	Bytes    int           `json:"bytes"`       // length of the body
	// Retried is when the event was sent again (RFC 3339, UTC), "" when it was
	// not. The entry stays, so that the books can be recounted for ever.
	Retried string `json:"retried_at,omitempty"`
	// One of these holds the body as it came: Base64 when it is not UTF-8.
	Body   *string `json:"body,omitempty"`
	Base64 []byte  `json:"body_base64,omitempty"`
}

// NewEntry describes a refused record. The body is copied.
func NewEntry(shard lake.ShardID, rec *lake.Record, partitionType string, why *lake.Refusal) Entry {
	e := Entry{
		Reason: why.Reason, Detail: why.Detail, Source: rec.Source, Type: partitionType, ID: rec.ID.String(),
		Shard: shard, Position: rec.Position, Received: rec.Received.String(), Bytes: len(rec.Body),
	}
	if utf8.Valid(rec.Body) {
		s := string(rec.Body)
		e.Body = &s
	} else {
		e.Base64 = append([]byte{}, rec.Body...)
	}
	return e
}

// Content returns the body as it came.
func (e *Entry) Content() []byte {
	if e.Body != nil {
		return []byte(*e.Body)
	}
	return e.Base64
}

// Name identifies the entry for people: shard:position.
func (e *Entry) Name() string { return string(e.Shard) + ":" + e.Position.String() }

// Buffer gathers entries between two flushes of one worker.
type Buffer struct {
	lines    []byte
	events   int64
	min, max lake.Instant
}

// Add appends one entry.
func (b *Buffer) Add(e *Entry, received lake.Instant) error {
	line, err := json.Marshal(e)
	if err != nil {
		return fmt.Errorf("quarantine %s: %w", e.Name(), err)
	}
	b.lines = append(append(b.lines, line...), '\n')
	if b.events == 0 {
		b.min = received
	}
	b.max = max(b.max, received)
	b.events++
	return nil
}

// Bytes is the number of uncompressed bytes in the buffer.
func (b *Buffer) Bytes() int64 { return int64(len(b.lines)) }

// Reset empties the buffer.
func (b *Buffer) Reset() { *b = Buffer{lines: b.lines[:0]} }

// Write stores the entries as one file, durable but not visible before the
// ledger's commit; ok is false when there is nothing to write. The name follows
// from shard and span, so a repeat writes the same file.
func Write(ctx context.Context, gz *raw.Compressor, shard lake.ShardID, span lake.Span, b *Buffer) (f lake.File, ok bool, err error) {
	if b.events == 0 {
		return f, false, nil
	}
	day := b.min.Day()
	key := lake.Key(Root + "day=" + day.String() + "/" + raw.SpanName("part", shard, span) + ".ndjson.gz")
	info, err := gz.Create(ctx, key, b.lines)
	if err != nil {
		return f, false, err
	}
	f = lake.File{
		Key: info.Key, Kind: lake.KindQuarantine, Partition: lake.Partition{Day: day}, Shard: shard, Span: span,
		Events: b.events, Bytes: info.Bytes, CRC: info.CRC, MinTime: b.min, MaxTime: b.max, Received: b.max,
	}
	b.Reset()
	return f, true, nil
}

// Entries yields the entries of a file in order. A damaged file ends in
// lake.ErrCorrupt.
func Entries(ctx context.Context, r *raw.Reader, f lake.File) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		stop := errors.New("the caller has enough")
		err := r.EachLine(ctx, f, func(line []byte) error {
			var e Entry
			if err := json.Unmarshal(line, &e); err != nil {
				return fmt.Errorf("quarantine entry: %w: %w", err, lake.ErrCorrupt)
			}
			if !yield(e, nil) {
				return stop
			}
			return nil
		})
		if err != nil && !errors.Is(err, stop) {
			yield(Entry{}, err)
		}
	}
}

// ReceivedAt is when the collector took the event.
func (e *Entry) ReceivedAt() (lake.Instant, error) {
	t, err := time.Parse(time.RFC3339Nano, e.Received)
	if err != nil {
		return 0, fmt.Errorf("received_at %q: %w", e.Received, lake.ErrCorrupt)
	}
	return lake.InstantOf(t), nil
}
