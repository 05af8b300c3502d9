package replay

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/gzip"
	"github.com/zeebo/xxh3"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/raw"
	"github.com/eventlake/lake/transform"
)

// misplaced is a record that Firehose could not place, as it writes it below
// its error prefix ("Data delivery failure handling" in its developer guide).
type misplaced struct {
	Data []byte `json:"rawData"`
}

// placeBytes is how much of an object's lines is in memory before it is
// written.
const placeBytes = 32 << 20

// place writes the lines of an object of misplaced records into raw, where
// their events belong, and returns how many they are. Files are named after the
// object and the place in it, so a repeat writes the same ones.
func (d *Drain) place(ctx context.Context, key lake.Key) (events int64, err error) {
	if d.Direct == nil {
		return 0, lake.Errorf(lake.ErrInvalid, "give this Lambda lake.yaml and the bucket", "nothing places lines that Firehose could not")
	}
	object, err := d.open(ctx, key)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, object.Close()) }()
	text, err := plain(object)
	if err != nil {
		return 0, err
	}
	b := raw.NewBuffer(raw.NewMemory(1 << 20))
	shard := lake.ShardID(fmt.Sprintf("misplaced%016x", xxh3.HashString(string(key))))
	var written int64
	flush := func() error {
		span := lake.Span{After: lake.Pos(uint64(written)), To: lake.Pos(uint64(events))}
		written = events
		_, err := b.Write(ctx, d.Direct, shard, span)
		return err
	}
	for in := json.NewDecoder(text); ; {
		var m misplaced
		if err := in.Decode(&m); errors.Is(err, io.EOF) {
			return events, flush()
		} else if err != nil {
			return 0, fmt.Errorf("record of misplaced lines: %w: %w", err, lake.ErrCorrupt)
		}
		for line := range bytes.Lines(m.Data) {
			if len(bytes.TrimSpace(line)) == 0 {
				continue
			}
			if err := d.line(ctx, b, line); err != nil {
				return 0, err
			}
			events++
		}
		if b.Bytes() > placeBytes {
			if err := flush(); err != nil {
				return 0, err
			}
		}
	}
}

// line puts a raw line into the part of its partition.
func (d *Drain) line(ctx context.Context, b *raw.Buffer, line []byte) error {
	var f raw.Fields
	open, err := raw.Split(bytes.TrimSuffix(line, []byte("\n")), &f)
	if err != nil {
		return fmt.Errorf("misplaced line: %w", err)
	}
	body := append(bytes.Clone(open), '}')
	var row transform.Row
	if no := d.Sources(f.Source).Scanner().Scan(f.Source, body, f.Received, &row); no != nil {
		return fmt.Errorf("misplaced event %s: %w: %w", f.ID, no, lake.ErrInvalid)
	}
	name, err := d.Names.Resolve(ctx, row.Name, nil)
	if err != nil {
		return err
	}
	b.Part(lake.Partition{Name: name, Day: row.Created.Day()}).Add(body, &f)
	return nil
}

// plain is the content of an object that may be gzip.
func plain(object io.Reader) (io.Reader, error) {
	in := bufio.NewReader(object)
	if head, err := in.Peek(2); err != nil || head[0] != 0x1f || head[1] != 0x8b {
		return in, nil // what is too short for gzip shows when it is read
	}
	z, err := gzip.NewReader(in)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", err, lake.ErrCorrupt)
	}
	return z, nil
}
