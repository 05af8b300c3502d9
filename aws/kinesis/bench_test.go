package kinesis_test

import (
	"testing"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/aws/kinesis"
)

// batch is what fits into one record of 250 KiB.
func batch() (events []lake.Event) {
	var p kinesis.Packer
	for n := 0; ; n++ {
		e := event(n, 512)
		if p.SizeWith(e.Source, len(e.Body)) > 250<<10 {
			return events
		}
		p.Add(&e)
		events = append(events, e)
	}
}

func BenchmarkPack(b *testing.B) {
	events := batch()
	var p kinesis.Packer
	var data []byte
	b.ReportAllocs()
	for b.Loop() {
		p.Reset()
		for i := range events {
			p.Add(&events[i])
		}
		data = p.AppendTo(data[:0])
	}
	perEvent(b, len(events), len(data))
}

func BenchmarkUnpack(b *testing.B) {
	events := batch()
	lines := []byte{}
	for _, e := range events {
		lines = append(append(lines, e.Body...), '\n')
	}
	for name, data := range map[string][]byte{
		"aggregate": pack(events...), "zstd of an aggregate": zst(b, string(pack(events...))),
		"lines": lines, "gzip of lines": gz(b, string(lines)),
	} {
		b.Run(name, func(b *testing.B) {
			u := kinesis.NewUnpacker(kinesis.UnpackOptions{})
			var records []lake.Record
			b.ReportAllocs()
			for b.Loop() {
				records = u.Unpack(records[:0], place, arrived, data)
			}
			if len(records) != len(events) {
				b.Fatalf("%d of %d events", len(records), len(events))
			}
			perEvent(b, len(events), len(data))
		})
	}
}

func perEvent(b *testing.B, events, bytes int) {
	b.Helper()
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*events), "ns/event")
	b.ReportMetric(float64(bytes)/float64(events), "B/event")
}
