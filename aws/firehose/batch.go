package firehose

import (
	"encoding/base64"

	"github.com/aws/aws-sdk-go-v2/service/firehose/types"
)

// batch is the records of one call, with where their lines came from.
type batch struct {
	data     []byte    // of all records
	ends     []int     // record i ends here in data
	lines    []int     // in record i
	segments []segment // by record
	encoded  int       // size of the closed records in the call
	open     int       // lines in the record that is not closed yet
}

// segment is a run of lines of one part in one record.
type segment struct {
	record int
	part   int // in the parts of the Write
	at     int // offset of the first line in the part's lines
}

func (b *batch) reset() {
	*b = batch{data: b.data[:0], ends: b.ends[:0], lines: b.lines[:0], segments: b.segments[:0]}
}

// start is where the open record begins.
func (b *batch) start() int {
	if n := len(b.ends); n > 0 {
		return b.ends[n-1]
	}
	return 0
}

// full reports whether there is no room for another record.
func (b *batch) full() bool {
	return len(b.ends) == maxRecords || b.encoded+encodedSize(MaxRecord) > maxCall
}

// fits reports whether the open record has room for n more bytes and a line.
func (b *batch) fits(n int) bool {
	return b.open < MaxLines && len(b.data)-b.start()+n <= MaxRecord
}

// add appends a line, which a part has at the offset, to the open record.
func (b *batch) add(line []byte, part, at int) {
	if n := len(b.segments); n == 0 || b.segments[n-1].record != len(b.ends) || b.segments[n-1].part != part {
		b.segments = append(b.segments, segment{len(b.ends), part, at})
	}
	b.data = append(b.data, line...)
	b.open++
}

// closeRecord ends the open record, if it has lines.
func (b *batch) closeRecord() {
	if b.open == 0 {
		return
	}
	b.encoded += encodedSize(len(b.data) - b.start())
	b.ends, b.lines = append(b.ends, len(b.data)), append(b.lines, b.open)
	b.open = 0
}

// encodedSize is what a record takes in a call: base64 in {"Data":"..."},
func encodedSize(n int) int { return base64.StdEncoding.EncodedLen(n) + len(`{"Data":""},`) }

// record returns the record's bytes.
func (b *batch) record(i int) []byte {
	start := 0
	if i > 0 {
		start = b.ends[i-1]
	}
	return b.data[start:b.ends[i]:b.ends[i]]
}

// records returns the call's records and their indices.
func (b *batch) records() (records []types.Record, index []int) {
	records, index = make([]types.Record, len(b.ends)), make([]int, len(b.ends))
	for i := range b.ends {
		records[i], index[i] = types.Record{Data: b.record(i)}, i
	}
	return records, index
}
