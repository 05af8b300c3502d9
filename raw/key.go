package raw

import (
	"fmt"
	"path"
	"strconv"
	"strings"

	"github.com/eventlake/lake"
)

// Named is what the key of a raw or quarantine file says about the file. The
// ledger is the truth; this is for when there is none.
type Named struct {
	Kind      lake.Kind
	Prefix    string // "part", "merged8.2f41c0d7a96be358", "retried1790000000000000"
	Partition lake.Partition
	Shard     lake.ShardID
	Span      lake.Span
}

// ParseKey reads the key of a raw or quarantine file; ErrInvalid when the lake
// does not name files so.
func ParseKey(key lake.Key) (n Named, err error) {
	fail := func() (Named, error) { return Named{}, fmt.Errorf("key %q: %w", key, lake.ErrInvalid) }
	base, ok := strings.CutSuffix(path.Base(string(key)), ".ndjson.gz")
	parts := strings.Split(base, "-")
	if !ok || len(parts) < 4 {
		return fail()
	}
	last := len(parts) - 1
	n.Prefix, n.Shard = parts[0], lake.ShardID(strings.Join(parts[1:last-1], "-"))
	if n.Span.After, err = lake.ParsePosition(parts[last-1]); err != nil {
		return fail()
	}
	if n.Span.To, err = lake.ParsePosition(parts[last]); err != nil {
		return fail()
	}
	if n.Kind, n.Partition, err = ParseDir(key); err != nil {
		return fail()
	}
	return n, nil
}

// ParseDir reads the directories of a key only, for objects that a delivery
// service has named; ErrInvalid when the lake has no such directories.
func ParseDir(key lake.Key) (kind lake.Kind, p lake.Partition, err error) {
	dir := path.Dir(string(key))
	if day, ok := strings.CutPrefix(dir, "quarantine/day="); ok {
		kind = lake.KindQuarantine
		p.Day, err = lake.ParseDay(day)
	} else {
		kind = lake.KindRaw
		p, err = parsePartition(dir)
	}
	if err != nil {
		return "", lake.Partition{}, fmt.Errorf("key %q: %w", key, lake.ErrInvalid)
	}
	return kind, p, nil
}

// parsePartition is the inverse of Partition.Dir below Root.
func parsePartition(dir string) (p lake.Partition, err error) {
	parts := strings.Split(dir, "/")
	names := [...]string{"event_type=", "event_subtype=", "year=", "month=", "day="}
	if len(parts) != 1+len(names) || parts[0]+"/" != Root {
		return p, lake.ErrInvalid
	}
	parts = parts[1:]
	for i, name := range names {
		value, ok := strings.CutPrefix(parts[i], name)
		if !ok || value == "" {
			return p, lake.ErrInvalid
		}
		parts[i] = value
	}
	for _, digits := range parts[2:] {
		if _, err := strconv.ParseUint(digits, 10, 16); err != nil {
			return p, lake.ErrInvalid
		}
	}
	p.Type, p.Subtype = parts[0], parts[1]
	p.Day, err = lake.ParseDay(parts[2] + "-" + parts[3] + "-" + parts[4])
	return p, err
}
