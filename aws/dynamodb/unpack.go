package dynamodb

import (
	"encoding/binary"
	"fmt"

	"github.com/eventlake/lake"
)

// unpacker reads the rows of a part, one after the other.
type unpacker struct {
	shard      lake.ShardID
	partitions []lake.Partition
	classes    []class
	dirs       []string // by partition, when it was needed
	rows       []byte

	at      int  // partition of the row
	row     live // without a key
	pattern string
	key     []byte // of the last row that had one itself
	spans   spanText
	err     error
}

// newUnpacker reads what stands before the rows.
func newUnpacker(shard lake.ShardID, content []byte) (*unpacker, error) {
	u := &unpacker{shard: shard, rows: content}
	for range u.count() {
		p := lake.Partition{Name: lake.Name{Type: u.text(), Subtype: u.text()}, Day: lake.Day(u.varint())}
		u.partitions = append(u.partitions, p)
	}
	for range u.count() {
		c := class{shard: lake.ShardID(u.text()), kind: kindOf(u.text()), pattern: u.text()}
		if c.shard == "" {
			c.shard = shard
		}
		u.classes = append(u.classes, c)
	}
	u.dirs = make([]string, len(u.partitions))
	return u, u.err
}

// kindOf spares a string a part.
func kindOf(s string) lake.Kind {
	switch s {
	case string(lake.KindRaw):
		return lake.KindRaw
	case string(lake.KindQuarantine):
		return lake.KindQuarantine
	}
	return lake.Kind(s)
}

// next reads the next row.
func (u *unpacker) next() error {
	partition, at := u.uvarint(), u.uvarint()
	flags := u.bytes(1)
	if u.err == nil && (partition >= uint64(len(u.partitions)) || at >= uint64(len(u.classes))) {
		u.fail()
	}
	if u.err != nil {
		return u.err
	}
	u.at = int(partition)
	c, f := &u.classes[at], &u.row.file
	last := f.Span
	f.Partition, f.Shard, f.Kind, u.pattern = u.partitions[partition], c.shard, c.kind, c.pattern
	switch {
	case flags[0]&sameSpan != 0:
	case flags[0]&nextSpan != 0:
		f.Span.After = last.To
	default:
		f.Span.After = u.moved(last.To)
	}
	if flags[0]&sameSpan == 0 {
		f.Span.To = u.moved(f.Span.After)
	}
	if flags[0]&sameCommitted == 0 {
		u.row.committed += lake.Instant(u.varint())
	}
	f.Received += lake.Instant(u.varint())
	if flags[0]&wholeDay != 0 {
		f.MinTime, f.MaxTime = f.Partition.Day.Start(), (f.Partition.Day+1).Start()-1
	} else {
		f.MinTime = f.Received - lake.Instant(u.varint())
		f.MaxTime = f.Received - lake.Instant(u.varint())
	}
	f.Events, f.Bytes = u.varint(), u.varint()
	if b := u.bytes(4); u.err == nil {
		f.CRC = binary.LittleEndian.Uint32(b)
	}
	return u.ownKey()
}

// ownKey reads the key of a row without a pattern.
func (u *unpacker) ownKey() error {
	if u.pattern != "" || u.err != nil {
		return u.err
	}
	shared := u.uvarint()
	rest := u.bytes(u.count())
	if u.err == nil && shared > uint64(len(u.key)) {
		u.fail()
	}
	if u.err == nil {
		u.key = append(u.key[:shared], rest...)
	}
	return u.err
}

// must is next for rows that were read before.
func (u *unpacker) must() {
	if err := u.next(); err != nil {
		panic(fmt.Sprintf("a row that was read before: %v", err))
	}
}

// appendKey appends the key of the row.
func (u *unpacker) appendKey(b []byte) []byte {
	if u.pattern == "" {
		return append(b, u.key...)
	}
	for i := range len(u.pattern) {
		switch u.pattern[i : i+1] {
		case markDir:
			if u.dirs[u.at] == "" {
				u.dirs[u.at] = directory(u.partitions[u.at])
			}
			b = append(b, u.dirs[u.at]...)
		case markShard:
			b = append(b, u.row.file.Shard...)
		case markAfter:
			u.spans.set(u.row.file.Span)
			b = append(b, u.spans.after...)
		case markTo:
			u.spans.set(u.row.file.Span)
			b = append(b, u.spans.to...)
		default:
			b = append(b, u.pattern[i])
		}
	}
	return b
}

// live is the row as a file of its own.
func (u *unpacker) live() live {
	var room [256]byte
	l := u.row
	l.file.Key = lake.Key(u.appendKey(room[:0]))
	return l
}

// moved reads what appendMove has appended.
func (u *unpacker) moved(p lake.Position) lake.Position {
	p.Seq[0] ^= u.uvarint()
	p.Seq[1] ^= u.uvarint()
	p.Seq[2] += uint64(u.varint())
	p.Sub ^= uint32(u.uvarint())
	return p
}

func (u *unpacker) uvarint() uint64 {
	n, size := binary.Uvarint(u.rows)
	return skip(u, n, size)
}

func (u *unpacker) varint() int64 {
	n, size := binary.Varint(u.rows)
	return skip(u, n, size)
}

func skip[N int64 | uint64](u *unpacker, n N, size int) N {
	if size <= 0 {
		u.fail()
		return 0
	}
	u.rows = u.rows[size:]
	return n
}

// count reads how many of something of a byte at least come next.
func (u *unpacker) count() int {
	n := u.uvarint()
	if n > uint64(len(u.rows)) {
		u.fail()
		return 0
	}
	return int(n)
}

func (u *unpacker) text() string { return string(u.bytes(u.count())) }

func (u *unpacker) bytes(n int) []byte {
	if n > len(u.rows) {
		u.fail()
		return nil
	}
	b := u.rows[:n]
	u.rows = u.rows[n:]
	return b
}

// fail notes that the content ends, or says what cannot be.
func (u *unpacker) fail() {
	u.rows = nil
	if u.err == nil {
		u.err = fmt.Errorf("a part of the ledger's files cannot be read: %w", lake.ErrCorrupt)
	}
}
