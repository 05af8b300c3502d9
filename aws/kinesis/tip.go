package kinesis

import (
	"context"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/kinesis"

	"github.com/eventlake/lake"
)

// Tip says that a shard held nothing after a position at one moment. While that
// moment is within retention, everything after the position is still kept, even
// if the record at the position is not: so a stream in which nothing happened
// for longer than its retention can be told from one that lost records.
type Tip struct {
	Position lake.Position
	At       lake.Instant
}

// Tip returns the last moment at which somebody here read a shard to its end.
func (s *Stream) Tip(shard lake.ShardID) (t Tip, ok bool) {
	r := s.reader(shard)
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.tip, r.tip != Tip{}
}

// Remember tells the stream a Tip that was found before, by this process or by
// another one.
func (s *Stream) Remember(shard lake.ShardID, t Tip) { s.reader(shard).note(t) }

func (r *reader) note(t Tip) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if t.At > r.tip.At {
		r.tip = t
	}
}

// clockSkew is how far this machine's clock and that of Kinesis may be apart.
const clockSkew = 10 * time.Minute

const trimmedHint = "raise the stream's retention; for lake worker to go on with the oldest record that is kept, set LAKE_AWS_TRIMMED=skip, or aws.trimmed in lake.yaml"

// continues checks that what a new iterator gave goes on where the cursor is:
// with the record that was read last, or the one that the position is in front
// of.
func (s *Stream) continues(ctx context.Context, c *cursor) error {
	if len(c.raw) > 0 {
		first, err := lake.ParsePosition(aws.ToString(c.raw[0].SequenceNumber))
		if err != nil || first.Seq == c.at.Seq || first.Seq == following(c.at).Seq {
			return err
		}
	}
	if tip, ok := s.Tip(c.reader.shard); ok && !tip.Position.After(c.at) {
		kept, err := s.retention(ctx)
		if err != nil {
			return err
		}
		if time.Since(tip.At.Time()) < kept-clockSkew {
			return nil
		}
	}
	if s.options.SkipTrimmed {
		s.options.Log.Error("records may be lost: reading goes on with the oldest one that is kept", "shard", c.reader.shard, "after", c.at)
		return nil
	}
	return lake.Errorf(lake.ErrTrimmed, trimmedHint, "shard %s: the record at %s", c.reader.shard, c.at)
}

// retention is how long the stream keeps a record.
func (s *Stream) retention(ctx context.Context) (time.Duration, error) {
	in := &sdk.DescribeStreamSummaryInput{}
	in.StreamName, in.StreamARN = s.name()
	var hours int32
	err := s.try(ctx, func(ctx context.Context) error {
		out, err := s.api.DescribeStreamSummary(ctx, in, once)
		if err == nil && out.StreamDescriptionSummary != nil {
			hours = aws.ToInt32(out.StreamDescriptionSummary.RetentionPeriodHours)
		}
		return err
	})
	return time.Duration(hours) * time.Hour, err
}
