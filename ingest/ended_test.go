package ingest_test

import (
	"testing"
	"time"

	"github.com/eventlake/lake/ingest"
)

// A worker of a shard that was closed commits the rest and is done.
func TestWorkerEndsWithItsShard(t *testing.T) {
	r := newRig()
	w := r.worker(t, ingest.Options{FlushAge: time.Hour})
	r.append(t, event("1", "a:b"), event("2", "a:b"))
	shards, err := r.stream.Shards(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := r.stream.Split(shards[0].ID); err != nil {
		t.Fatal(err)
	}
	if err := w.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	if sum := r.books(t); sum.Unique != 2 {
		t.Errorf("%+v", sum)
	}
	if at, err := r.ledger.Position(t.Context(), shards[0].ID); err != nil || at != shards[0].Last {
		t.Errorf("committed to %s, want %s: %v", at, shards[0].Last, err)
	}
}
