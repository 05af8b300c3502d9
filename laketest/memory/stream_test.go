package memory_test

import (
	"testing"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/laketest/memory"
	"github.com/eventlake/lake/laketest/streamtest"
)

func TestStream(t *testing.T) {
	streamtest.Suite(t, streamtest.Subject{
		Open:   func(*testing.T) lake.Stream { return memory.NewStream(3) },
		Reopen: func(_ *testing.T, s lake.Stream) lake.Stream { return s },
		Trim: func(t *testing.T, s lake.Stream, shard lake.ShardID, to lake.Position) {
			if err := s.(*memory.Stream).Trim(shard, to); err != nil {
				t.Fatal(err)
			}
		},
		Split: func(t *testing.T, s lake.Stream, shard lake.ShardID) {
			if err := s.(*memory.Stream).Split(shard); err != nil {
				t.Fatal(err)
			}
		},
	})
}
