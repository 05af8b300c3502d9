package firehose

import "sync/atomic"

// Stats counts what a Sink did since it was made.
type Stats struct {
	Lines    int64 // taken by Firehose
	Records  int64 // taken by Firehose
	Sent     int64 // bytes of those records
	Billed   int64 // the same, each record rounded up to a multiple of Unit
	Calls    int64 // of PutRecordBatch
	Repeated int64 // records that were sent again after they had failed or their answer was lost
	Direct   int64 // lines that went the direct way
}

// counters are the Stats that many goroutines add to.
type counters struct {
	lines, records, sent, billed, calls, repeated, direct atomic.Int64
}

// taken counts a record that Firehose has taken.
func (c *counters) taken(bytes, lines int) {
	c.lines.Add(int64(lines))
	c.records.Add(1)
	c.sent.Add(int64(bytes))
	c.billed.Add(Billed(bytes))
}

// Billed is what Firehose bills for a record of so many bytes, in bytes.
func Billed(bytes int) int64 { return (int64(bytes) + Unit - 1) / Unit * Unit }

// Stats returns the counts so far.
func (s *Sink) Stats() Stats {
	c := &s.counters
	return Stats{
		Lines: c.lines.Load(), Records: c.records.Load(), Sent: c.sent.Load(), Billed: c.billed.Load(),
		Calls: c.calls.Load(), Repeated: c.repeated.Load(), Direct: c.direct.Load(),
	}
}
