package ledger

import (
	"encoding/binary"
	"encoding/json"
	"fmt"

	"github.com/eventlake/lake"
)

// record is what one frame of the log says happened, all of it at once. Its
// payload is the length of the JSON (4 bytes, little endian), the JSON, and
// then the claims, 32 bytes each.
type record struct {
	Time   lake.Instant `json:"time"` // by the machine's clock, for people only
	Shard  lake.ShardID `json:"shard,omitempty"`
	Span   lake.Span    `json:"span"`
	Add    []lake.File  `json:"add,omitempty"`
	Remove []lake.Key   `json:"remove,omitempty"`
	Books  []lake.Tally `json:"books,omitempty"`
	Types  []lake.Name  `json:"types,omitempty"`

	// Shards are names that get the next shard numbers; claims use the numbers.
	Shards []lake.ShardID `json:"shards,omitempty"`
	// Curated is the mark, when it moved since the last record.
	Curated map[lake.ShardID]lake.Position `json:"curated,omitempty"`
	// Runs replaces runs by others, without claims from before Forgot.
	Runs   *runEdit `json:"runs,omitempty"`
	Forgot uint32   `json:"forgot,omitempty"` // log time in seconds
}

// runEdit takes runs off the list and puts others where the first of them was.
type runEdit struct {
	Remove []uint64  `json:"remove"`
	Add    []runInfo `json:"add,omitempty"`
}

// appendRecord appends the payload of a record with the claims whose positions
// lie in its span.
func appendRecord(b []byte, r *record, claims []entry, after, to uint64) ([]byte, error) {
	meta, err := json.Marshal(r)
	if err != nil {
		return nil, err
	}
	b = binary.LittleEndian.AppendUint32(b, uint32(len(meta)))
	b = append(b, meta...)
	for i := range claims {
		e := &claims[i]
		if p := e.owner.position(); p <= after || p > to {
			continue
		}
		var enc [entrySize]byte
		e.put(enc[:])
		b = append(b, enc[:]...)
	}
	return b, nil
}

// parseRecord reads a payload; claims is the undecoded part of it.
func parseRecord(payload []byte) (r record, claims []byte, err error) {
	if len(payload) < 4 {
		return r, nil, fmt.Errorf("record of %d bytes: %w", len(payload), lake.ErrCorrupt)
	}
	n := int64(binary.LittleEndian.Uint32(payload))
	payload = payload[4:]
	if n > int64(len(payload)) || (int64(len(payload))-n)%entrySize != 0 {
		return r, nil, fmt.Errorf("record with %d bytes of JSON in %d: %w", n, len(payload), lake.ErrCorrupt)
	}
	if err := json.Unmarshal(payload[:n], &r); err != nil {
		return r, nil, fmt.Errorf("record: %w: %w", err, lake.ErrCorrupt)
	}
	return r, payload[n:], nil
}
