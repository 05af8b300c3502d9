package sweep

import (
	"bytes"
	"context"
	"hash/crc32"
	"io"
	"strings"
	"testing"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/laketest/fault"
	"github.com/eventlake/lake/raw"
)

// A suite that cannot catch the known mistakes proves nothing. Each mutant
// makes one of them; the sweep has to find it.

// TestSweepCatchesClaimsWithoutOwner marks an id as seen instead of owned: the
// retry of the same record then takes itself for a duplicate.
func TestSweepCatchesClaimsWithoutOwner(t *testing.T) {
	m := mutant{ledger: func(w *world, l fault.FullLedger) fault.FullLedger { return seenLedger{l, w} }}
	if failed := sweep(t, portPlans(t, 1), m); failed == 0 {
		t.Error("no run lost an event although claims have no owner")
	}
}

type seenLedger struct {
	fault.FullLedger
	w *world
}

func (s seenLedger) Claim(ctx context.Context, shard lake.ShardID, claims []lake.Claim, out []lake.Outcome) error {
	if err := s.FullLedger.Claim(ctx, shard, claims, out); err != nil {
		return err
	}
	for i, c := range claims {
		if s.w.seen[c.ID] && out[i] == lake.Owned {
			out[i] = lake.Taken
		}
		s.w.seen[c.ID] = true
	}
	return nil
}

// TestSweepCatchesCommitsBeforeTheirFiles writes raw files only after the
// commit that names them.
func TestSweepCatchesCommitsBeforeTheirFiles(t *testing.T) {
	held := map[*world]*heldStore{}
	m := mutant{
		store: func(w *world, s lake.Store) lake.Store {
			h := &heldStore{Store: s}
			held[w] = h
			return h
		},
		ledger: func(w *world, l fault.FullLedger) fault.FullLedger {
			return hastyLedger{l, func() *heldStore { return held[w] }}
		},
	}
	plans := portPlans(t, 1)
	failed := 0
	for _, p := range plans { // one after another: held is shared
		if _, err := runPlan(t.Context(), p, m); err != nil {
			failed++
		}
	}
	// The port faults strike around the whole commit; between commit and files
	// only the disk can stop.
	for op := 1; op <= 400; op++ {
		p := plan{seed: 1, shards: 1}
		p.disk.N, p.disk.Halt = op, true
		if _, err := runPlan(t.Context(), p, m); err != nil {
			failed++
		}
	}
	t.Logf("%d runs failed", failed)
	if failed == 0 {
		t.Error("no run lost an event although files are written after their commit")
	}
}

// heldStore acknowledges raw files without writing them.
type heldStore struct {
	lake.Store
	held []heldObject
}

type heldObject struct {
	key  lake.Key
	data []byte
}

func (h *heldStore) Create(ctx context.Context, key lake.Key, write func(io.Writer) error) (lake.Info, error) {
	if !strings.HasPrefix(string(key), raw.Root) {
		return h.Store.Create(ctx, key, write)
	}
	var b bytes.Buffer
	if err := write(&b); err != nil {
		return lake.Info{}, err
	}
	h.held = append(h.held, heldObject{key, b.Bytes()})
	return lake.Info{Key: key, Bytes: int64(b.Len()), CRC: crc32.Checksum(b.Bytes(), crc32.MakeTable(crc32.Castagnoli))}, nil
}

// hastyLedger commits first and writes the files then.
type hastyLedger struct {
	fault.FullLedger
	store func() *heldStore
}

func (l hastyLedger) Commit(ctx context.Context, c lake.Commit) error {
	if err := l.FullLedger.Commit(ctx, c); err != nil {
		return err
	}
	h := l.store()
	for _, o := range h.held {
		_, err := h.Store.Create(ctx, o.key, func(w io.Writer) error { _, err := w.Write(o.data); return err })
		if err != nil {
			return err
		}
	}
	h.held = nil
	return nil
}
