package replay

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/klauspost/compress/gzip"
	"github.com/zeebo/xxh3"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/raw"
	"github.com/eventlake/lake/transform"
)

// misplaced is a record that Firehose could not place, as it writes it below
// its error prefix ("Data delivery failure handling" in its developer guide).
type misplaced struct {
	Code string `json:"errorCode"`
	Data []byte `json:"rawData"`
}

// place writes the lines of an object of misplaced records into raw, where
// their events belong, and returns how many they are. Files are named after the
// object, so a repeat writes the same ones.
func (d *Drain) place(ctx context.Context, key lake.Key, text []byte) (int64, error) {
	if d.Direct == nil {
		return 0, lake.Errorf(lake.ErrInvalid, "give this Lambda lake.yaml and the bucket", "nothing places lines that Firehose could not")
	}
	if strings.HasSuffix(string(key), ".gz") || bytes.HasPrefix(text, []byte("\x1f\x8b")) {
		var err error
		if text, err = unpack(text); err != nil {
			return 0, err
		}
	}
	b := raw.NewBuffer(raw.NewMemory(1 << 20))
	var events int64
	for in := json.NewDecoder(bytes.NewReader(text)); ; {
		var m misplaced
		if err := in.Decode(&m); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return 0, fmt.Errorf("record of misplaced lines: %w: %w", err, lake.ErrCorrupt)
		}
		for line := range bytes.Lines(m.Data) {
			if len(bytes.TrimSpace(line)) == 0 {
				continue
			}
			if err := d.line(b, line); err != nil {
				return 0, err
			}
			events++
		}
	}
	shard := lake.ShardID(fmt.Sprintf("misplaced%016x", xxh3.HashString(string(key))))
	_, err := b.Write(ctx, d.Direct, shard, lake.Span{To: lake.Pos(uint64(events))})
	return events, err
}

// line puts a raw line into the part of its partition.
func (d *Drain) line(b *raw.Buffer, line []byte) error {
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
	b.Part(lake.Partition{Name: row.Name, Day: row.Created.Day()}).Add(body, &f)
	return nil
}

// unpack is the content of a gzip object.
func unpack(packed []byte) ([]byte, error) {
	in, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", err, lake.ErrCorrupt)
	}
	text, err := io.ReadAll(io.LimitReader(in, maxGiven+1))
	if err == nil && len(text) > maxGiven {
		err = fmt.Errorf("more than %d bytes: %w", maxGiven, lake.ErrLimit)
	}
	return text, errors.Join(err, in.Close())
}
