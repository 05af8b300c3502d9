package stream_test

import (
	"testing"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/laketest/crashfs"
	"github.com/eventlake/lake/laketest/streamtest"
	"github.com/eventlake/lake/local/stream"
)

// TestGistsComeWithWhatIsInMemoryOnly reads frames from memory and from files
// into one batch.
func TestGistsComeWithWhatIsInMemoryOnly(t *testing.T) {
	const calls, size = 40, 2000
	fsys := crashfs.New(1)
	s := open(t, fsys, dir, stream.Options{Shards: 1, CacheBytes: calls * perCall * size / 2})
	var events []lake.Event
	for i := range calls {
		part := streamtest.Events(0, i*perCall, perCall, size)
		must(t, s.Append(t.Context(), part))
		events = append(events, part...)
	}
	known := func(s *stream.Stream) (n int) {
		var b lake.Batch
		var after lake.Position
		for {
			must(t, s.Read(t.Context(), one, after, 3*perCall*size/2, &b))
			if len(b.Records) == 0 {
				return n
			}
			for _, r := range b.Records {
				at, ok := r.Position.Uint64()
				if !ok {
					t.Fatalf("position %s", r.Position)
				}
				switch r.Gist {
				case lake.Gist{}:
				case events[at-1].Gist:
					n++
				default:
					t.Fatalf("position %s has %+v, not %+v", r.Position, r.Gist, events[at-1].Gist)
				}
			}
			after = b.Records[len(b.Records)-1].Position
		}
	}
	if n := known(s); n < calls*perCall/4 || n > calls*perCall/2 {
		t.Errorf("%d events have a gist, of %d, half of which fit into memory", n, len(events))
	}
	must(t, s.Close())
	s = open(t, fsys, dir, stream.Options{})
	if n := known(s); n != 0 {
		t.Errorf("%d events have a gist after a restart", n)
	}
	must(t, s.Close())
}
