package event

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/eventlake/lake"
)

// StreamRecord is one record of a Kinesis stream.
type StreamRecord struct {
	Shard    lake.ShardID
	Sequence string // as Kinesis wrote it: what a partial failure is reported by
	Position lake.Position
	Arrived  lake.Instant
	Data     []byte
}

// Batch is the payload of an event source mapping of a stream. It is used
// again: records are valid until the next Decode.
type Batch struct {
	Records []StreamRecord
	Stream  string // ARN of the first record's stream

	data []byte
	from []int // where each record's data begins
}

// expected tells who sends something else what a payload is.
const expected = `send what an event source mapping of a Kinesis stream sends: {"Records":[{"eventID":"SHARD:NUMBER",` +
	`"kinesis":{"sequenceNumber":"NUMBER","approximateArrivalTimestamp":SECONDS,"data":"BASE64"}}]}`

// Decode reads a payload in the form of the Lambda developer guide ("Using
// Lambda with Kinesis"). Records are in the order of the payload, which is
// that of the shard; there may be none. ErrInvalid, with a hint, for anything
// else, also for an object without a member Records: an answer that all is
// settled would hide that nothing was.
func (b *Batch) Decode(payload []byte) error {
	b.Records, b.Stream, b.data, b.from = b.Records[:0], "", b.data[:0], b.from[:0]
	b.data = slices.Grow(b.data, base64.StdEncoding.DecodedLen(len(payload)))
	d := jsontext.NewDecoder(bytes.NewBuffer(payload), jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
	found := false
	err := members(d, func(name string) error {
		if name != "Records" {
			return d.SkipValue()
		}
		found = true
		return elements(d, func() error { return b.record(d) })
	})
	if err == nil && !found {
		err = errors.New("it has no Records")
	}
	if err != nil {
		b.Records = b.Records[:0]
		return lake.Errorf(fmt.Errorf("%w: %w", err, lake.ErrInvalid), expected, "kinesis payload of %d bytes", len(payload))
	}
	for i := range b.Records { // only now the buffer stays where it is
		to := len(b.data)
		if i+1 < len(b.from) {
			to = b.from[i+1]
		}
		b.Records[i].Data = b.data[b.from[i]:to:to]
	}
	return nil
}

func (b *Batch) record(d *jsontext.Decoder) error {
	var r StreamRecord
	b.from = append(b.from, len(b.data))
	err := members(d, func(name string) (err error) {
		switch name {
		case "eventID":
			id, err := text(d)
			if shard, _, ok := strings.Cut(id, ":"); ok {
				r.Shard = b.shard(shard)
			}
			return err
		case "eventSourceARN":
			if b.Stream != "" {
				return d.SkipValue()
			}
			b.Stream, err = text(d)
			return err
		case "kinesis":
			return members(d, func(name string) error { return b.inner(d, &r, name) })
		}
		return d.SkipValue()
	})
	if err != nil {
		return err
	}
	if r.Shard == "" || r.Sequence == "" {
		return errors.New("a record without a shard or a sequence number")
	}
	b.Records = append(b.Records, r)
	return nil
}

// shard spares an allocation a record: batches are of one shard.
func (b *Batch) shard(name string) lake.ShardID {
	if n := len(b.Records); n > 0 && string(b.Records[n-1].Shard) == name {
		return b.Records[n-1].Shard
	}
	return lake.ShardID(name)
}

func (b *Batch) inner(d *jsontext.Decoder, r *StreamRecord, name string) (err error) {
	switch name {
	case "sequenceNumber":
		if r.Sequence, err = text(d); err != nil {
			return err
		}
		r.Position, err = lake.ParsePosition(r.Sequence)
		return err
	case "approximateArrivalTimestamp":
		v, err := d.ReadValue()
		if err != nil {
			return err
		}
		r.Arrived, err = seconds(v)
		return err
	case "data":
		return b.bytes(d)
	}
	return d.SkipValue()
}

// bytes appends the base64 text that is next.
func (b *Batch) bytes(d *jsontext.Decoder) error {
	v, err := d.ReadValue()
	if err != nil {
		return err
	}
	switch v.Kind() {
	case 'n':
		return nil
	case '"':
	default:
		return errors.New("data is no text")
	}
	encoded := []byte(v[1 : len(v)-1])
	if bytes.IndexByte(encoded, '\\') >= 0 {
		if encoded, err = jsontext.AppendUnquote(nil, v); err != nil {
			return err
		}
	}
	b.data, err = base64.StdEncoding.AppendDecode(b.data, encoded)
	return err
}

// seconds reads a time in seconds since 1970 with a fraction; a float64 holds
// microseconds until the year 2255.
func seconds(v []byte) (lake.Instant, error) {
	f, err := strconv.ParseFloat(string(v), 64)
	if err != nil || math.Abs(f) > 1e13 {
		return 0, fmt.Errorf("time %.40q", v)
	}
	return lake.Instant(math.Round(f * 1e6)), nil
}

// members calls each for the members of the object that is next; each reads or
// skips the value.
func members(d *jsontext.Decoder, each func(name string) error) error {
	if err := begin(d, '{'); err != nil {
		return err
	}
	for d.PeekKind() != '}' {
		quoted, err := d.ReadValue()
		if err != nil {
			return err
		}
		if err := each(known(quoted)); err != nil {
			return err
		}
	}
	_, err := d.ReadToken()
	return err
}

// known returns the name of a member that is looked for, "" for any other.
func known(quoted []byte) string {
	for _, name := range [...]string{"kinesis", "data", "sequenceNumber", "approximateArrivalTimestamp", "eventID", "eventSourceARN", "Records"} {
		if len(quoted) == len(name)+2 && string(quoted[1:len(quoted)-1]) == name {
			return name
		}
	}
	return ""
}

// elements calls each for the elements of the array that is next.
func elements(d *jsontext.Decoder, each func() error) error {
	if err := begin(d, '['); err != nil {
		return err
	}
	for d.PeekKind() != ']' {
		if err := each(); err != nil {
			return err
		}
	}
	_, err := d.ReadToken()
	return err
}

func begin(d *jsontext.Decoder, kind jsontext.Kind) error {
	t, err := d.ReadToken()
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	if err == nil && t.Kind() != kind {
		return fmt.Errorf("%v where %v should be", t.Kind(), kind)
	}
	return err
}

func text(d *jsontext.Decoder) (string, error) {
	t, err := d.ReadToken()
	if err == nil && t.Kind() != '"' {
		return "", fmt.Errorf("%v where a text should be", t.Kind())
	}
	return t.String(), err
}

// Failures is the answer of ReportBatchItemFailures: the stream is read again
// from the lowest of these sequence numbers on. Empty: all is settled.
type Failures []string

// Encode writes the answer.
func (f Failures) Encode() []byte {
	out := []byte(`{"batchItemFailures":[`)
	for i, id := range f {
		if i > 0 {
			out = append(out, ',')
		}
		out = append(out, `{"itemIdentifier":`...)
		// Sequence numbers and message ids are plain ASCII.
		out = append(append(append(out, '"'), id...), '"', '}')
	}
	return append(out, ']', '}')
}
