package dynamodb

import (
	"encoding/binary"
	"strings"

	"github.com/eventlake/lake"
)

// The packed form of a part is
//
//	partitions  count, then type, subtype, day of each
//	classes     count, then shard, kind, pattern of each
//	rows        one a file
//
// with counts, lengths and numbers as varints. A row is
//
//	partition, class   which of the above
//	flags              what need not be said
//	after, to          the span, against the one before it
//	committed          against the one before it
//	received           against the one before it
//	min, max           against received
//	events, bytes
//	crc                four bytes
//	key                if its class has no pattern: how many bytes it begins with of the one before it, and the rest
//
// A pattern is a key with marks where it says what the row says anyway, which
// is all of a key that raw.Writer has made.

// The flags of a row.
const (
	sameSpan      = 1 << iota // the span is that of the row before
	nextSpan                  // it begins where that ends
	sameCommitted             // the commit is that of the row before
	wholeDay                  // min and max are those of the partition's day
)

// The marks of a pattern.
const (
	markDir   = "\x01" // where raw files of the partition lie
	markShard = "\x02"
	markAfter = "\x03"
	markTo    = "\x04"
	marks     = markDir + markShard + markAfter + markTo
)

const (
	// leastMarked is how long a position must be written to be looked for in a
	// key: short ones are found by chance.
	leastMarked = 6
	// maxClasses bounds the patterns of a part. A key beyond is written itself.
	maxClasses = 64
)

// class is what many files of a part share.
type class struct {
	shard   lake.ShardID // "" is the log's
	kind    lake.Kind
	pattern string // "": each file has its key in its row
}

// packer makes a part of files.
type packer struct {
	shard      lake.ShardID
	rows       []byte
	partitions map[lake.Partition]int
	classes    map[class]int
	dirs       []string // by partition
	head       [2][]byte
	last       live   // the row before
	key        string // the last that its row has itself
	spans      spanText
	summary    part
}

func newPacker(shard lake.ShardID) *packer {
	return &packer{shard: shard, partitions: map[lake.Partition]int{}, classes: map[class]int{}}
}

// spanText is a span as keys have it.
type spanText struct {
	span      lake.Span
	after, to string
}

func (t *spanText) set(s lake.Span) {
	if t.after == "" || t.span != s {
		*t = spanText{s, s.After.String(), s.To.String()}
	}
}

// add appends a file.
func (k *packer) add(f *lake.File, committed lake.Instant) {
	k.spans.set(f.Span)
	partition, c := k.partition(f.Partition), class{shard: f.Shard, kind: f.Kind}
	if c.shard == k.shard {
		c.shard = ""
	}
	at := k.class(c, f, k.dirs[partition])
	flags := byte(0)
	switch {
	case f.Span == k.last.file.Span:
		flags |= sameSpan
	case f.Span.After == k.last.file.Span.To:
		flags |= nextSpan
	}
	if committed == k.last.committed {
		flags |= sameCommitted
	}
	if f.MinTime == f.Partition.Day.Start() && f.MaxTime == (f.Partition.Day+1).Start()-1 {
		flags |= wholeDay
	}
	b := binary.AppendUvarint(k.rows, uint64(partition))
	b = append(binary.AppendUvarint(b, uint64(at.index)), flags)
	if flags&(sameSpan|nextSpan) == 0 {
		b = appendMove(b, k.last.file.Span.To, f.Span.After)
	}
	if flags&sameSpan == 0 {
		b = appendMove(b, f.Span.After, f.Span.To)
	}
	if flags&sameCommitted == 0 {
		b = binary.AppendVarint(b, int64(committed-k.last.committed))
	}
	b = binary.AppendVarint(b, int64(f.Received-k.last.file.Received))
	if flags&wholeDay == 0 {
		b = binary.AppendVarint(b, int64(f.Received-f.MinTime))
		b = binary.AppendVarint(b, int64(f.Received-f.MaxTime))
	}
	b = binary.AppendVarint(b, f.Events)
	b = binary.AppendVarint(b, f.Bytes)
	b = binary.LittleEndian.AppendUint32(b, f.CRC)
	if at.pattern == "" {
		shared := commonPrefix(k.key, string(f.Key))
		k.key = string(f.Key)
		b = appendText(binary.AppendUvarint(b, uint64(shared)), k.key[shared:])
	}
	k.rows = b
	k.last = live{*f, committed}
	k.summary.note(k.shard, f)
}

// part returns what was added, and begins anew; nil for nothing.
func (k *packer) part() *part {
	p := k.summary
	if p.files == 0 {
		return nil
	}
	b := binary.AppendUvarint(nil, uint64(len(k.partitions)))
	b = append(b, k.head[0]...)
	b = binary.AppendUvarint(b, uint64(len(k.classes)))
	b = append(b, k.head[1]...)
	p.content = append(make([]byte, 0, len(b)+len(k.rows)), b...)
	p.content = append(p.content, k.rows...)
	p.size, p.crc = len(p.content), checksum(p.content)
	*k = *newPacker(k.shard)
	return &p
}

func (k *packer) partition(p lake.Partition) int {
	i, ok := k.partitions[p]
	if !ok {
		i = len(k.dirs)
		k.partitions[p], k.dirs = i, append(k.dirs, directory(p))
		k.head[0] = appendText(appendText(k.head[0], p.Type), p.Subtype)
		k.head[0] = binary.AppendVarint(k.head[0], int64(p.Day))
	}
	return i
}

// placed is a class and its place in the list.
type placed struct {
	class
	index int
}

// class finds the class of a file, with a pattern if there is one that makes its
// key.
func (k *packer) class(c class, f *lake.File, dir string) placed {
	if key := string(f.Key); !strings.ContainsAny(key, marks) {
		c.pattern = k.pattern(key, f, dir)
	}
	if i, ok := k.classes[c]; ok {
		return placed{c, i}
	}
	if len(k.classes) >= maxClasses {
		c.pattern = ""
		if i, ok := k.classes[c]; ok {
			return placed{c, i}
		}
	}
	i := len(k.classes)
	k.classes[c] = i
	k.head[1] = appendText(appendText(appendText(k.head[1], string(c.shard)), string(c.kind)), c.pattern)
	return placed{c, i}
}

// pattern is the key with marks; "" when it does not say its span, and so would
// be the pattern of no other.
func (k *packer) pattern(key string, f *lake.File, dir string) string {
	name, ok := strings.CutPrefix(key, dir)
	if len(k.spans.to) < leastMarked || !strings.Contains(name, k.spans.to) {
		return ""
	}
	name = strings.Replace(name, k.spans.to, markTo, 1)
	if len(k.spans.after) >= leastMarked {
		name = strings.Replace(name, k.spans.after, markAfter, 1)
	}
	if f.Shard != "" && !strings.ContainsAny(string(f.Shard), marks) {
		name = strings.Replace(name, string(f.Shard), markShard, 1)
	}
	if ok {
		return markDir + name
	}
	return name
}

// appendMove appends q as seen from p: positions of one shard are alike.
func appendMove(b []byte, p, q lake.Position) []byte {
	b = binary.AppendUvarint(b, p.Seq[0]^q.Seq[0])
	b = binary.AppendUvarint(b, p.Seq[1]^q.Seq[1])
	b = binary.AppendVarint(b, int64(q.Seq[2]-p.Seq[2]))
	return binary.AppendUvarint(b, uint64(p.Sub^q.Sub))
}

func appendText(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

func commonPrefix(a, b string) int {
	n := 0
	for n < min(len(a), len(b)) && a[n] == b[n] {
		n++
	}
	return n
}

// directory is where raw files of a partition usually lie.
func directory(p lake.Partition) string { return "raw/" + p.Dir() + "/" }
