package firehose

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// errSplit means that a record cannot be taken apart.
var errSplit = errors.New("record cannot be de-aggregated")

// split takes a record apart. The parts share its memory.
func (c *Config) split(data []byte) ([][]byte, error) {
	var parts [][]byte
	switch c.SubRecordType {
	case "JSON":
		d := json.NewDecoder(bytes.NewReader(data))
		for {
			var raw json.RawMessage
			err := d.Decode(&raw)
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				return nil, fmt.Errorf("%w: %v", errSplit, err)
			}
			if raw[0] != '{' {
				return nil, fmt.Errorf("%w: not a JSON object", errSplit)
			}
			end := int(d.InputOffset())
			parts = append(parts, data[end-len(raw):end])
		}
	case "DELIMITED":
		for part := range bytes.SplitSeq(data, []byte(c.Delimiter)) {
			if len(part) > 0 {
				parts = append(parts, part)
			}
		}
	default:
		parts = [][]byte{data}
	}
	if len(parts) > MaxSubRecords {
		return nil, fmt.Errorf("%w: %d sub-records, over %d", errSplit, len(parts), MaxSubRecords)
	}
	if len(parts) == 0 {
		return nil, fmt.Errorf("%w: it is empty", errSplit)
	}
	return parts, nil
}
