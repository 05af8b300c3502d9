package sweep

import (
	"bytes"
	"context"
	"errors"
	"hash/crc32"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/laketest/fault"
	"github.com/eventlake/lake/raw"
)

// A suite that cannot catch the known mistakes proves nothing. Each mutant
// makes one of them; the sweep has to find it.

// mutant makes the ports of a life wrong on purpose.
type mutant func(*world, fault.FullLedger, lake.Store) (fault.FullLedger, lake.Store)

// TestSweepCatchesClaimsWithoutOwner marks an id as seen instead of owned: the
// retry of the same record then takes itself for a duplicate.
func TestSweepCatchesClaimsWithoutOwner(t *testing.T) {
	m := func(w *world, l fault.FullLedger, s lake.Store) (fault.FullLedger, lake.Store) {
		return seenLedger{l, w}, s
	}
	s := newScript(t)
	if s.sweep(t, thin(s.portPlans(t, 1, m)), m) == 0 {
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
// commit that names them. The port faults strike around the whole commit, so
// only a disk that stops finds it.
func TestSweepCatchesCommitsBeforeTheirFiles(t *testing.T) {
	m := func(_ *world, l fault.FullLedger, s lake.Store) (fault.FullLedger, lake.Store) {
		h := &heldStore{Store: s}
		return hastyLedger{l, h}, h
	}
	s := newScript(t)
	plans := slices.DeleteFunc(s.diskPlans(t, 2, m), func(p plan) bool { return !p.disk.Halt || p.kill })
	if s.sweep(t, thin(plans), m) == 0 {
		t.Error("no run lost an event although files are written after their commit")
	}
}

// heldStore acknowledges raw files without writing them.
type heldStore struct {
	lake.Store
	mu   sync.Mutex // a flush writes its files at the same time
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
	h.mu.Lock()
	defer h.mu.Unlock()
	h.held = append(h.held, heldObject{key, b.Bytes()})
	return lake.Info{Key: key, Bytes: int64(b.Len()), CRC: crc32.Checksum(b.Bytes(), crc32.MakeTable(crc32.Castagnoli))}, nil
}

// release writes what is held.
func (h *heldStore) release(ctx context.Context) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	var all []error
	for _, o := range h.held {
		_, err := h.Store.Create(ctx, o.key, func(w io.Writer) error { _, err := w.Write(o.data); return err })
		all = append(all, err)
	}
	h.held = nil
	return errors.Join(all...)
}

// hastyLedger commits first and writes the files then.
type hastyLedger struct {
	fault.FullLedger
	store *heldStore
}

func (l hastyLedger) Commit(ctx context.Context, c lake.Commit) error {
	if err := l.FullLedger.Commit(ctx, c); err != nil {
		return err
	}
	return l.store.release(ctx)
}
