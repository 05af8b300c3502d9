package kinesis

import "sync/atomic"

// stats counts what was put; see Stats.
type stats struct {
	events, records, bytes, units, kib, calls, again, slowed atomic.Int64
}

// Stats is what a Stream has put into Kinesis so far.
type Stats struct {
	Events  int64 // stored
	Records int64 // that hold them
	Bytes   int64 // of the records, with their partition keys
	Units   int64 // of 25 KiB, which provisioned streams bill
	KiB     int64 // each record rounded up to one, which on-demand streams bill
	Calls   int64 // of PutRecords
	Again   int64 // records that were sent again after a failure
	Slowed  int64 // how often a Paced stream has halved its pace
}

// Stats returns the counts so far.
func (s *Stream) Stats() Stats {
	return Stats{
		Events: s.stats.events.Load(), Records: s.stats.records.Load(), Bytes: s.stats.bytes.Load(), Units: s.stats.units.Load(),
		KiB: s.stats.kib.Load(), Calls: s.stats.calls.Load(), Again: s.stats.again.Load(), Slowed: s.stats.slowed.Load(),
	}
}

// count notes a record that was stored.
func (s *Stream) count(g *group) {
	size := int64(len(g.data) + len(g.key))
	s.stats.events.Add(int64(g.events))
	s.stats.records.Add(1)
	s.stats.bytes.Add(size)
	s.stats.units.Add((size + Unit - 1) / Unit)
	s.stats.kib.Add((size + 1<<10 - 1) >> 10)
}
