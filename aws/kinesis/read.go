package kinesis

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"

	"github.com/eventlake/lake"
)

// Read implements lake.Stream. It waits only where it must not call more often
// (Options.ReadPause) or is throttled. A position of zero is the oldest record
// that is kept. Reading on from where the last Read ended continues on the same
// iterator; any other position is looked up, and its record read again. A
// position may also be that in front of a record (lake.Position.Before).
//
// lake.ErrTrimmed means that the record at the position is no longer kept, so
// that nobody can say whether others after it were lost, unless a Tip does (see
// Remember).
func (s *Stream) Read(ctx context.Context, shard lake.ShardID, after lake.Position, want int, b *lake.Batch) error {
	b.Shard, b.Records, b.Buf = shard, b.Records[:0], b.Buf[:0]
	if err := ctx.Err(); err != nil {
		return err
	}
	r := s.reader(shard)
	c := r.take(after)
	if err := s.fill(ctx, c); err != nil {
		return drop(ctx, c, fmt.Errorf("read %s: %w", shard, err))
	}
	for left := max(want, 1); left > 0; {
		if c.next == len(c.events) {
			if len(c.raw) == 0 {
				break
			}
			if err := s.unpack(c); err != nil {
				return fmt.Errorf("read %s: %w", shard, err)
			}
			continue
		}
		e := c.events[c.next]
		c.next++
		b.Records = append(b.Records, e)
		c.at, left = e.Position, left-len(e.Body)
	}
	r.keep(c)
	return nil
}

// Wait implements lake.Stream. It polls: at most every Options.PollPause. What
// it finds is kept for the next Read. lake.ErrEnded means that the shard is
// closed and the position is its end.
func (s *Stream) Wait(ctx context.Context, shard lake.ShardID, after lake.Position) error {
	r := s.reader(shard)
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		c := r.take(after)
		if err := s.fill(ctx, c); err != nil {
			return drop(ctx, c, fmt.Errorf("wait for %s: %w", shard, err))
		}
		found, ended := c.next < len(c.events), c.ended
		r.keep(c)
		switch {
		case found:
			return nil
		case ended:
			return lake.Errorf(lake.ErrEnded, "", "shard %s after %s", shard, after)
		}
		if err := lake.Sleep(ctx, s.options.PollPause); err != nil {
			return err
		}
	}
}

// drop forgets a cursor after an error. One whose reader only did not wait any
// longer is as good as before: the same iterator gives the same records.
func drop(ctx context.Context, c *cursor, err error) error {
	if ctx.Err() != nil {
		c.reader.keep(c)
	}
	return err
}

// fill sees that the cursor has an event to hand out, or has come to the end.
func (s *Stream) fill(ctx context.Context, c *cursor) error {
	for {
		for c.next == len(c.events) && len(c.raw) > 0 {
			if err := s.unpack(c); err != nil {
				return err
			}
		}
		// What was the end a moment ago still is: asking again would only use up
		// the shard's five calls a second.
		if c.next < len(c.events) || c.ended || !c.tip.IsZero() && time.Since(c.tip) < s.options.ReadPause {
			return nil
		}
		if err := s.fetch(ctx, c); err != nil {
			return err
		}
		if len(c.raw) == 0 && !c.tip.IsZero() {
			return nil
		}
	}
}

// unpack takes the next fetched record apart and leaves out what was handed out
// before.
func (s *Stream) unpack(c *cursor) error {
	raw := &c.raw[0]
	at, err := lake.ParsePosition(aws.ToString(raw.SequenceNumber))
	if err != nil {
		return fmt.Errorf("a record of %s: %w", c.reader.shard, err)
	}
	var arrived lake.Instant
	if raw.ApproximateArrivalTimestamp != nil {
		arrived = lake.InstantOf(*raw.ApproximateArrivalTimestamp)
	}
	u, _ := s.unpackers.Get().(*Unpacker)
	if u == nil {
		u = NewUnpacker(s.options.Unpack)
	}
	c.events, c.next = u.Unpack(c.events[:0], at, arrived, raw.Data), 0
	s.unpackers.Put(u)
	*raw = types.Record{}
	if c.raw = c.raw[1:]; len(c.raw) == 0 {
		c.raw = nil
	}
	for c.next < len(c.events) && !c.events[c.next].Position.After(c.at) {
		c.next++
	}
	return nil
}

// fetch makes one GetRecords call.
func (s *Stream) fetch(ctx context.Context, c *cursor) error {
	if c.iterator == "" {
		if err := s.seek(ctx, c); err != nil {
			return err
		}
	}
	var out *sdk.GetRecordsOutput
	var asked time.Time
	err := s.try(ctx, func(ctx context.Context) (err error) {
		if err := lake.Sleep(ctx, c.reader.turn(s.options.ReadPause)); err != nil {
			return err
		}
		asked = time.Now()
		in := &sdk.GetRecordsInput{ShardIterator: &c.iterator, Limit: aws.Int32(int32(s.options.FetchRecords))}
		if _, arn := s.name(); arn != nil {
			in.StreamARN = arn
		}
		out, err = s.api.GetRecords(ctx, in, once)
		return err
	})
	var expired *types.ExpiredIteratorException
	if errors.As(err, &expired) {
		c.rewind()
		return nil
	}
	if err != nil {
		return err
	}
	c.raw, c.iterator, c.ended = out.Records, aws.ToString(out.NextShardIterator), out.NextShardIterator == nil
	c.tip = time.Time{}
	if aws.ToInt64(out.MillisBehindLatest) == 0 || c.ended {
		c.tip = asked
	}
	if c.fresh && (len(c.raw) > 0 || !c.tip.IsZero()) {
		c.fresh = false
		if err := s.continues(ctx, c); err != nil {
			c.rewind()
			return err
		}
	}
	if len(c.raw) == 0 && !c.tip.IsZero() {
		c.reader.note(Tip{c.at, lake.InstantOf(asked)})
	}
	return nil
}

const foreignHint = "the position is not one of this stream: if the stream was deleted and made again, the lake needs a new ledger for it"

// seek makes an iterator for the cursor's position. The record of the position
// comes again, because there may be more in it and to see that nothing between
// was trimmed.
func (s *Stream) seek(ctx context.Context, c *cursor) error {
	c.fresh = !c.at.IsZero()
	err := s.iterate(ctx, c, c.at)
	if errors.Is(err, lake.ErrInvalid) && c.fresh {
		// No record has the number: it is the one in front of a record, or none
		// of this stream.
		if s.iterate(ctx, c, following(c.at)) == nil {
			return nil
		}
		return &lake.Hinted{Kind: err, What: fmt.Sprintf("position %s", c.at), Hint: foreignHint}
	}
	return err
}

// iterate makes an iterator that begins with the record at a position, zero for
// the oldest one.
func (s *Stream) iterate(ctx context.Context, c *cursor, at lake.Position) error {
	in := &sdk.GetShardIteratorInput{ShardId: aws.String(string(c.reader.shard)), ShardIteratorType: types.ShardIteratorTypeTrimHorizon}
	in.StreamName, in.StreamARN = s.name()
	if !at.IsZero() {
		in.ShardIteratorType = types.ShardIteratorTypeAtSequenceNumber
		in.StartingSequenceNumber = aws.String(lake.Position{Seq: at.Seq}.String())
	}
	return s.try(ctx, func(ctx context.Context) error {
		out, err := s.api.GetShardIterator(ctx, in, once)
		if err == nil {
			c.iterator = aws.ToString(out.ShardIterator)
		}
		return err
	})
}

// following is the next sequence number. The numbers of two records lie further
// apart.
func following(p lake.Position) lake.Position {
	q := lake.Position{Seq: p.Seq}
	for i := len(q.Seq) - 1; i >= 0; i-- {
		if q.Seq[i]++; q.Seq[i] != 0 {
			break
		}
	}
	return q
}
