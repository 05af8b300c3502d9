package curate

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"github.com/zeebo/xxh3"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/curate/parquetfile"
	"github.com/eventlake/lake/curate/shred"
	"github.com/eventlake/lake/raw"
)

// builder turns raw files of one table into data files. It commits nothing.
type builder struct {
	store     lake.Store
	lines     Lines
	limits    Limits
	lateAfter time.Duration
	forgotten lake.Instant
	filters   *filters

	table    lake.TableName
	location lake.Key
	attempt  string
	shred    *shred.Shredder
	enc      *parquetfile.Encoder
	known    map[lake.Day][]lake.DataFile // files whose ids late events are compared with
	after    map[lake.ShardID]lake.Position
	upto     map[lake.ShardID]lake.Position

	seen     idSet
	deferred deferred
	fields   raw.Fields

	schema    lake.Schema
	files     []lake.DataFile
	events    int64 // read and not consumed before
	rows      int64
	bytes     int64
	peak      int64 // memory of the rows at the largest flush
	late      LateDuplicates
	conflicts map[string]int64
	consumed  map[lake.ShardID]lake.Position
}

// dataDir is where a table's data files lie.
func dataDir(t lake.TableName, location lake.Key) lake.Key {
	if location == "" {
		location = lake.Key("tables/" + string(t))
	}
	return location + "/data"
}

// newAttempt names one attempt. Files of an attempt that a crash ended are
// never named by a snapshot, and a new attempt never meets them.
func newAttempt() (string, error) {
	b := make([]byte, 8)
	if _, err := rand.Read(b); err != nil {
		return "", fmt.Errorf("random name: %w", err)
	}
	return hex.EncodeToString(b), nil
}

// take reads one raw file.
func (b *builder) take(ctx context.Context, f lake.File) error {
	err := eachLine(ctx, b.lines, f, func(line []byte) error { return b.line(ctx, f, line) })
	if err != nil {
		return err
	}
	if to := b.boundTo(f); to.After(b.consumed[f.Shard]) {
		b.consumed[f.Shard] = to
	}
	return nil
}

func (b *builder) boundTo(f lake.File) lake.Position {
	if b.upto != nil && f.Span.To.After(b.upto[f.Shard]) {
		return b.upto[f.Shard]
	}
	return f.Span.To
}

func (b *builder) line(ctx context.Context, f lake.File, line []byte) error {
	fields := &b.fields
	body, err := split(line, fields)
	if err != nil {
		return err
	}
	if p, ok := b.after[fields.Shard]; ok && !fields.Position.After(p) {
		return nil
	}
	// Arrivals are taken in whole: their lines are of other shards than the file.
	if b.upto != nil && f.Vouched() && fields.Position.After(b.upto[fields.Shard]) {
		return nil
	}
	b.events++
	added, same := b.seen.add(fields.ID, receipt(fields))
	if !added {
		if same { // the same record read twice
			b.events--
			return nil
		}
		b.late.Add(book(f, fields), 1)
		return nil
	}
	if b.lateAfter == 0 || fields.Created <= b.forgotten || fields.Received.Sub(fields.Created) >= b.lateAfter {
		day := fields.Created.Day()
		if len(b.known[day]) > 0 {
			b.deferred.add(day, fields.ID, book(f, fields), line)
			if b.deferred.full(b.limits.Memory) {
				return b.settle(ctx)
			}
			return nil
		}
	}
	return b.row(ctx, body)
}

func (b *builder) row(ctx context.Context, body []byte) error {
	if err := b.shred.Add(body, &b.fields); err != nil {
		return fmt.Errorf("event %s: %w", b.fields.ID, err)
	}
	if b.shred.Bytes() >= b.limits.Memory/2 {
		return b.flush(ctx)
	}
	return nil
}

func book(f lake.File, fields *raw.Fields) lake.Book {
	return lake.Book{Source: fields.Source, Type: f.Partition.Type, Hour: fields.Received.Hour()}
}

// receipt tells records apart: shard and position as one number.
func receipt(f *raw.Fields) uint64 {
	h := xxh3.HashString(string(f.Shard))
	for _, w := range f.Position.Seq {
		h = h*0x9E3779B97F4A7C15 + w
	}
	return h*0x9E3779B97F4A7C15 + uint64(f.Position.Sub)<<1
}

// settle compares the late events gathered so far with the ids of their days,
// and takes those that are new.
func (b *builder) settle(ctx context.Context) error {
	if len(b.deferred.events) == 0 {
		return nil
	}
	if err := b.deferred.compare(ctx, b); err != nil {
		return err
	}
	for i := range b.deferred.events {
		e := &b.deferred.events[i]
		if e.known {
			b.late.Add(e.book, 1)
			continue
		}
		body, err := split(b.deferred.lines[e.from:e.to], &b.fields)
		if err != nil {
			return err
		}
		if err := b.row(ctx, body); err != nil {
			return err
		}
	}
	b.deferred.reset()
	return nil
}

// finish writes what is left.
func (b *builder) finish(ctx context.Context) error {
	if err := b.settle(ctx); err != nil {
		return err
	}
	return b.flush(ctx)
}

// discard deletes the files of an attempt that is known to have failed.
func (b *builder) discard(ctx context.Context) error {
	var errs []error
	for _, f := range b.files {
		errs = append(errs, b.store.Delete(ctx, f.Key))
	}
	return errors.Join(errs...)
}
