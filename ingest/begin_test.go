package ingest_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/ingest"
)

// TestAWorkerThatIsKilledComesOn has events of as many partitions as there are
// events. A worker that wrote them all as one span would have nothing to show
// when it is killed before the end.
func TestAWorkerThatIsKilledComesOn(t *testing.T) {
	const events, first = 5000, 16
	r := newRig()
	var batch []lake.Event
	for i := range events {
		body := fmt.Sprintf(`{"event_uuid":"%d","event_name":"a:b","created_at":%d}`, i, 1_000_000_000+86400*i)
		batch = append(batch, lake.Event{Source: "shop", Received: received, Body: []byte(body)})
	}
	if err := r.stream.Append(t.Context(), batch); err != nil {
		t.Fatal(err)
	}
	var files []int
	w := r.worker(t, ingest.Options{FlushAge: time.Hour, FirstFiles: first, Committed: func(c lake.Commit) { files = append(files, len(c.Add)) }})
	if err := w.Drain(t.Context()); err != nil {
		t.Fatal(err)
	}
	sum := 0
	for i, n := range files {
		if most := 2 * first << (2 * i); n > most {
			t.Errorf("span %d has %d files, more than %d", i, n, most)
		}
		sum += n
	}
	if sum != events || len(files) > 6 {
		t.Errorf("%d files in %d spans: %v", sum, len(files), files)
	}
}
