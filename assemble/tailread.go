package assemble

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/transform"
)

// positions is how far each shard was read.
type positions = map[lake.ShardID]lake.Position

// tailReader reads the stream for one lake tail.
type tailReader struct {
	lake *Local
	args TailArgs
	mu   sync.Mutex // held while emitting, for several shards are followed at a time
	emit func(TailBatch)
}

// Bounds of one batch: small enough to appear at once, and for a consumer not
// to see many events again after a kill.
const (
	tailEvents = 200
	tailBytes  = 256 << 10
)

// tailLinger gathers what comes within it into one batch.
const tailLinger = 100 * time.Millisecond

// ends returns the positions before the oldest and at the newest record of
// each shard.
func (r *tailReader) ends(ctx context.Context) (oldest, newest positions, err error) {
	shards, err := r.lake.Stream.Shards(ctx)
	oldest, newest = positions{}, positions{}
	for _, s := range shards {
		oldest[s.ID], newest[s.ID] = s.Trimmed, s.Last
	}
	return oldest, newest, err
}

// newest emits the newest records that are meant, as many as were asked for,
// looking back further and further until there are enough. It returns where to
// go on.
func (r *tailReader) newest(ctx context.Context, oldest, end positions) error {
	if r.args.Lines == 0 {
		r.send(TailBatch{Positions: end})
		return nil
	}
	for back := uint64(r.args.Lines); ; back *= 8 {
		from, whole := positions{}, true
		for id := range end {
			first, _ := oldest[id].Uint64()
			last, _ := end[id].Uint64()
			if last > first+back {
				first, whole = last-back, false
			}
			from[id] = lake.Pos(first)
		}
		var events []TailEvent
		err := r.merge(ctx, from, end, func(_ lake.ShardID, _ lake.Position, e *TailEvent) {
			if e == nil {
				return
			}
			if events = append(events, *e); len(events) > r.args.Lines {
				events = events[1:]
			}
		})
		if err != nil {
			return err
		}
		if whole || len(events) == r.args.Lines {
			r.send(TailBatch{Positions: end, Events: events})
			return nil
		}
	}
}

// catchUp emits what lies between two positions, in the order of receipt.
func (r *tailReader) catchUp(ctx context.Context, from, end positions) error {
	batch, size := TailBatch{Positions: positions{}}, 0
	err := r.merge(ctx, from, end, func(id lake.ShardID, at lake.Position, e *TailEvent) {
		batch.Positions[id] = at
		if e == nil {
			return
		}
		batch.Events = append(batch.Events, *e)
		if size += len(e.Body) + len(e.Base64); len(batch.Events) == tailEvents || size > tailBytes {
			r.send(batch)
			batch, size = TailBatch{Positions: positions{}}, 0
		}
	})
	if len(batch.Positions) > 0 {
		r.send(batch)
	}
	return err
}

// merge gives the records of all shards between two positions by log time; the
// event is nil when the record is not meant. An error ends it.
func (r *tailReader) merge(ctx context.Context, from, end positions, each func(lake.ShardID, lake.Position, *TailEvent)) error {
	var cursors []*tailCursor
	for id, at := range from {
		c := newTailCursor(r, id, at)
		if more, err := c.fill(ctx, end[id]); err != nil {
			return err
		} else if more {
			cursors = append(cursors, c)
		}
	}
	for len(cursors) > 0 {
		c := slices.MinFunc(cursors, func(a, b *tailCursor) int {
			return cmp.Or(cmp.Compare(a.first().Received, b.first().Received), cmp.Compare(a.shard, b.shard))
		})
		rec := c.take()
		each(c.shard, rec.Position, c.look(rec))
		if more, err := c.fill(ctx, end[c.shard]); err != nil {
			return err
		} else if !more {
			cursors = slices.DeleteFunc(cursors, func(o *tailCursor) bool { return o == c })
		}
	}
	return nil
}

// follow emits what comes, shard by shard, until the context ends.
func (r *tailReader) follow(ctx context.Context, from positions) error {
	g, ctx := errgroup.WithContext(ctx)
	for id, at := range from {
		g.Go(func() error { return newTailCursor(r, id, at).follow(ctx) })
	}
	return g.Wait()
}

func (r *tailReader) send(b TailBatch) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.emit(b)
}

// tailCursor reads one shard.
type tailCursor struct {
	*tailReader
	shard    lake.ShardID
	at       lake.Position // of the last record that was taken
	batch    lake.Batch
	records  []lake.Record // of the batch, not yet taken
	scanners map[lake.SourceID]*transform.Scanner
}

func newTailCursor(r *tailReader, id lake.ShardID, at lake.Position) *tailCursor {
	return &tailCursor{tailReader: r, shard: id, at: at, scanners: map[lake.SourceID]*transform.Scanner{}}
}

func (c *tailCursor) first() *lake.Record { return &c.records[0] }

func (c *tailCursor) take() *lake.Record {
	rec := &c.records[0]
	c.at, c.records = rec.Position, c.records[1:]
	return rec
}

// fill reads on when nothing is left to take; more is false behind the end.
func (c *tailCursor) fill(ctx context.Context, end lake.Position) (more bool, err error) {
	if len(c.records) == 0 && end.After(c.at) {
		if err := c.read(ctx); err != nil {
			return false, err
		}
	}
	return len(c.records) > 0 && !c.records[0].Position.After(end), nil
}

// read reads the next records. Those that are gone, because the stream had no
// room to keep them, are counted as missed.
func (c *tailCursor) read(ctx context.Context) error {
	for {
		err := c.lake.Stream.Read(ctx, c.shard, c.at, tailBytes, &c.batch)
		if !errors.Is(err, lake.ErrTrimmed) {
			c.records = c.batch.Records
			return err
		}
		oldest, _, err := c.ends(ctx)
		if err != nil {
			return err
		}
		missed := between(c.at, oldest[c.shard])
		c.at = oldest[c.shard]
		c.send(TailBatch{Positions: positions{c.shard: c.at}, Missed: missed})
	}
}

func (c *tailCursor) follow(ctx context.Context) error {
	pause := time.NewTimer(0)
	defer pause.Stop()
	for {
		if err := c.lake.Stream.Wait(ctx, c.shard, c.at); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-pause.C:
			pause.Reset(tailLinger)
		}
		if err := c.read(ctx); err != nil {
			return err
		}
		var events []TailEvent
		for len(c.records) > 0 {
			if e := c.look(c.take()); e != nil {
				events = append(events, *e)
			}
			if len(events) == tailEvents {
				c.send(TailBatch{Positions: positions{c.shard: c.at}, Events: events})
				events = nil
			}
		}
		c.send(TailBatch{Positions: positions{c.shard: c.at}, Events: events})
	}
}

// look reads a record as ingest would; nil when it is not meant.
func (c *tailCursor) look(rec *lake.Record) *TailEvent {
	if len(c.args.Sources) > 0 && !slices.Contains(c.args.Sources, rec.Source) {
		return nil
	}
	s := c.scanners[rec.Source]
	if s == nil {
		s = c.lake.Sources(rec.Source).Scanner()
		c.scanners[rec.Source] = s
	}
	var row transform.Row
	refused := s.Scan(rec.Source, rec.Body, rec.Received, &row)
	if !c.meantType(row.Name.Type) {
		return nil
	}
	e := tailEvent(c.shard, rec)
	if refused != nil {
		e.Reason, e.Detail = refused.Reason, refused.Detail
	} else {
		e.Type, e.Subtype, e.Created = string(row.Type), string(row.Subtype), row.Created.String()
	}
	return &e
}

// meantType: a refused event has no type, so it is of none that is asked for.
func (c *tailCursor) meantType(t string) bool {
	return len(c.args.Types) == 0 || slices.ContainsFunc(c.args.Types, func(want string) bool { return strings.EqualFold(want, t) })
}
