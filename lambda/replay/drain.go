package replay

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/aws/event"
	"github.com/eventlake/lake/ingest"
)

// Drain settles the batches that Lambda left in the bucket when its tries were
// used up. Claims are asked for by the records' own places in the stream, so
// what was claimed before the batch failed passes, and what other copies of the
// events own is a duplicate: nothing is lost by waiting, nothing doubled. What
// receipts prove to be settled is not settled again.
type Drain struct {
	Store  lake.Store
	Prefix lake.Key // of the batches' objects; Lambda's own is "aws/lambda/"
	Bucket string   // whose notifications count
	// Batch settles the payload of a batch and returns the records that are not.
	Batch func(context.Context, []byte) (event.Failures, error)
	// Settled tells what of a batch was settled before, by lambda-ingest or by an
	// earlier try here. Nil: it is settled from its beginning.
	Settled lake.ReceiptFinder
	// Stream and Handed are for batches that were left without their payload.
	Stream lake.Stream
	Handed *ingest.Handed
	// Misplaced is the prefix of objects with the lines that the delivery service
	// could not place. Direct keeps them; Sources and Names find their partitions.
	// All nil: such objects stay.
	Misplaced lake.Key
	Direct    lake.Sink
	Sources   ingest.Sources
	Names     *ingest.Names
	Log       *slog.Logger
}

// Drained is what was done.
type Drained struct {
	Batches int   `json:"batches"` // settled; their objects are deleted
	Left    int   `json:"left"`    // not settled; their objects stay
	Records int64 `json:"records"` // of the stream, in those that were settled
}

// given is what Lambda writes about a batch that it gave up ("Retaining
// discarded batches" in the Lambda developer guide). Only a destination in S3
// has the payload.
type given struct {
	Context struct {
		Condition string `json:"condition"` // e.g. RetryAttemptsExhausted
	} `json:"requestContext"`
	Batch struct {
		Shard lake.ShardID  `json:"shardId"`
		First lake.Position `json:"startSequenceNumber"`
		Last  lake.Position `json:"endSequenceNumber"`
		Size  int64         `json:"batchSize"`
	} `json:"KinesisBatchInfo"`
	Payload json.RawMessage `json:"payload"`
}

// maxGiven bounds the object of one batch in bytes: 6 MB of payload as text in
// JSON.
const maxGiven = 32 << 20

// told settles the batches that notifications name. A message whose batch could
// not be settled comes again.
func (d *Drain) told(ctx context.Context, messages []event.Message) (failures event.Failures, done Drained) {
	for _, m := range messages {
		objects, err := event.Created(m.Body, d.Bucket)
		for _, o := range objects {
			err = errors.Join(err, d.one(ctx, o.Key, &done))
		}
		if err != nil {
			d.Log.Error("a batch stays given up", "message", m.ID, "error", err, "hint", lake.Hint(err))
			failures = append(failures, m.ID)
		}
	}
	return failures, done
}

// all settles every batch that lies in the bucket.
func (d *Drain) all(ctx context.Context) (done Drained, err error) {
	var keys []lake.Key
	for _, prefix := range []lake.Key{d.Prefix, d.Misplaced} {
		if prefix == "" {
			continue
		}
		for info, err := range d.Store.List(ctx, prefix) {
			if err != nil {
				return done, fmt.Errorf("list %s: %w", prefix, err)
			}
			keys = append(keys, info.Key)
		}
	}
	var errs []error
	for _, key := range keys {
		if err := d.one(ctx, key, &done); err != nil {
			if ctx.Err() != nil {
				return done, ctx.Err()
			}
			errs = append(errs, err)
		}
	}
	return done, errors.Join(errs...)
}

// one settles a batch and deletes its object. An object that is gone was
// settled by another call.
func (d *Drain) one(ctx context.Context, key lake.Key, done *Drained) error {
	batch, err := d.batch(ctx, key)
	if errors.Is(err, errGone) {
		return nil
	}
	if err != nil {
		done.Left++
		return fmt.Errorf("batch %s: %w", key, err)
	}
	if err := d.Store.Delete(ctx, key); err != nil {
		return fmt.Errorf("batch %s is settled: %w", key, err)
	}
	d.Log.Info("a batch that was given up is settled", "object", key, "shard", batch.Batch.Shard, "records", batch.Batch.Size,
		"condition", batch.Context.Condition)
	done.Batches++
	done.Records += batch.Batch.Size
	return nil
}

// batch settles what is in an object and says what it was.
func (d *Drain) batch(ctx context.Context, key lake.Key) (b given, err error) {
	if d.Misplaced != "" && strings.HasPrefix(string(key), string(d.Misplaced)) {
		b.Context.Condition = "misplaced"
		b.Batch.Size, err = d.place(ctx, key)
		return b, err
	}
	text, err := d.read(ctx, key)
	if err != nil {
		return b, err
	}
	if err := json.Unmarshal(text, &b); err != nil {
		return b, err
	}
	return b, d.settle(ctx, &b)
}

// errGone means that the object is not there any more.
var errGone = errors.New("gone")

func (d *Drain) open(ctx context.Context, key lake.Key) (lake.Object, error) {
	in, err := d.Store.Open(ctx, key)
	if errors.Is(err, lake.ErrNotFound) {
		return nil, errGone
	}
	return in, err
}

func (d *Drain) read(ctx context.Context, key lake.Key) (text []byte, err error) {
	in, err := d.open(ctx, key)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, in.Close()) }()
	if in.Size() > maxGiven {
		return nil, fmt.Errorf("%d bytes: %w", in.Size(), lake.ErrLimit)
	}
	return io.ReadAll(in)
}

func (d *Drain) settle(ctx context.Context, b *given) error {
	payload := []byte(b.Payload)
	var inText string
	if json.Unmarshal(payload, &inText) == nil { // Lambda writes the payload as text
		payload = []byte(inText)
	}
	if len(payload) == 0 {
		return d.reread(ctx, b)
	}
	failed, err := d.Batch(ctx, payload)
	if err == nil && len(failed) > 0 {
		err = fmt.Errorf("not settled from record %s on; the log says why", failed[0])
	}
	return err
}

// pieceBytes is how much of a batch, in bytes of bodies, is settled at once when
// it is read from the stream; what Lambda hands over is less.
const pieceBytes = 32 << 20

// reread takes the batch's records out of the stream, while that keeps them.
func (d *Drain) reread(ctx context.Context, b *given) error {
	if b.Batch.Shard == "" || b.Batch.Last.IsZero() {
		return fmt.Errorf("neither a payload nor a place in the stream: %w", lake.ErrInvalid)
	}
	for after, last := b.Batch.First.Before(), false; !last; {
		var records []lake.Record
		var err error
		if records, last, err = d.piece(ctx, b, after); err != nil {
			return fmt.Errorf("read %s again from %s on: %w", b.Batch.Shard, b.Batch.First, err)
		}
		if len(records) == 0 {
			return nil
		}
		before, err := ingest.Resume(ctx, d.Settled, b.Batch.Shard, records)
		if err != nil {
			return fmt.Errorf("what of a batch is settled: %w", err)
		}
		if _, _, err := d.Handed.Settle(ctx, b.Batch.Shard, records[before:]); err != nil {
			return err
		}
		after = records[len(records)-1].Position
	}
	return nil
}

// piece reads the batch's records behind a position, up to its last one or to a
// size.
func (d *Drain) piece(ctx context.Context, b *given, after lake.Position) (records []lake.Record, last bool, err error) {
	var batch lake.Batch
	for size := 0; size < pieceBytes; {
		err := d.Stream.Read(ctx, b.Batch.Shard, after, lake.MaxBody, &batch)
		if err != nil && !errors.Is(err, lake.ErrEnded) {
			return nil, false, err
		}
		if len(batch.Records) == 0 {
			return records, true, nil
		}
		for _, r := range batch.Records {
			if r.Position.Seq != b.Batch.Last.Seq && r.Position.After(b.Batch.Last) {
				return records, true, nil
			}
			r.Body = bytes.Clone(r.Body) // the next Read takes its memory
			records, size, after = append(records, r), size+len(r.Body), r.Position
		}
	}
	return records, false, nil
}
