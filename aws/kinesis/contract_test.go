package kinesis_test

import (
	"testing"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/aws/kinesis"
	"github.com/eventlake/lake/laketest/streamtest"
)

// TestContractInMemory is the suite without anything to install; see
// emulator_test.go for the same over HTTP.
func TestContractInMemory(t *testing.T) {
	for name, o := range map[string]kinesis.Options{
		"as it is":   {ReadPause: -1, PollPause: 1e6},
		"lax":        {ReadPause: -1, PollPause: 1e6},
		"small":      {ReadPause: -1, PollPause: 1e6, RecordBytes: 2000, FetchRecords: 3},
		"compressed": {ReadPause: -1, PollPause: 1e6, Compress: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var f *fake
			streamtest.Suite(t, streamtest.Subject{
				Open: func(t *testing.T) lake.Stream {
					f = newFake(t, 3)
					f.lax = name == "lax"
					return f.open(t, o)
				},
				Reopen:  func(t *testing.T, _ lake.Stream) lake.Stream { return f.open(t, o) },
				Split:   func(_ *testing.T, _ lake.Stream, shard lake.ShardID) { f.split(shard) },
				MaxBody: lake.MaxBody,
			})
		})
	}
}
