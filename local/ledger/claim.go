package ledger

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"

	"github.com/eventlake/lake"
)

// batch is how many claims are looked up together: enough that their memory
// fetches overlap, few enough that what is fetched stays in the cache.
const batch = 256

// scratch is the memory of one batch.
type scratch struct {
	ids     [batch]id
	hash    [batch]uint64
	key     [batch]uint64
	cold    [batch]entry // what a sealed table or a run says; owner 0 is nothing
	misses  [batch]uint16
	hits    [batch]uint16
	touched owner
}

func tableSeed() [2]uint64 { return [2]uint64{rand.Uint64(), rand.Uint64()} }

// Claim implements lake.Ledger. ErrInvalid when a position is not an ordinal
// from 1 to 2^48-1 or a log time lies outside 1970 to 2106: then no claim of
// the call was answered. A claim from behind the shard's position that nobody
// owns is answered Owned and not recorded: what became of its record is
// decided already.
func (l *Ledger) Claim(ctx context.Context, shard lake.ShardID, claims []lake.Claim, out []lake.Outcome) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := l.claim(shard, claims, out); err != nil {
		return fmt.Errorf("claim in %s: %w", shard, err)
	}
	return nil
}

func (l *Ledger) claim(shard lake.ShardID, claims []lake.Claim, out []lake.Outcome) error {
	if len(out) != len(claims) {
		return fmt.Errorf("%d claims and room for %d answers: %w", len(claims), len(out), lake.ErrInvalid)
	}
	for i := range claims {
		if n, err := ordinal(claims[i].Position); err != nil {
			return err
		} else if n == 0 {
			return fmt.Errorf("position 0 is before the first record: %w", lake.ErrInvalid)
		}
		if _, err := seconds(claims[i].Time); err != nil {
			return err
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.broken != nil {
		return l.broken
	}
	const slack = 4 // times what sealing begins at; by then it should have ended
	if int64(l.active.count) > slack*l.hotClaims+batch && l.sealing != nil {
		return lake.Errorf(lake.ErrFull, "free some space on the data directory's disk",
			"%d claims wait in memory to be sealed on disk", l.active.count+l.sealing.count)
	}
	sh, err := l.state.shard(shard)
	if err != nil {
		return err
	}
	for len(claims) > 0 {
		n := min(len(claims), batch)
		if err := l.look(claims[:n]); err != nil {
			return err
		}
		l.decide(sh, claims[:n], out[:n])
		claims, out = claims[n:], out[n:]
	}
	return nil
}

// look fills scratch for a batch of claims: IDs, hashes, and what is known of
// them outside the active table. mu is held.
func (l *Ledger) look(claims []lake.Claim) error {
	w := l.scratch
	for i := range claims {
		hi, lo := splitID(&claims[i].ID)
		w.ids[i] = id{hi, lo}
		w.hash[i] = l.active.hash(hi, lo)
		w.touched ^= l.active.touch(hi, w.hash[i])
	}
	misses := w.misses[:0]
	for i := range claims {
		w.cold[i].owner = 0
		if l.active.find(w.ids[i].hi, w.ids[i].lo, w.hash[i]) == nil {
			misses = append(misses, uint16(i))
		}
	}
	if l.sealing != nil {
		misses = l.lookSealing(misses)
	}
	if len(l.runs) == 0 {
		return nil
	}
	for _, i := range misses {
		w.key[i] = filterKey(w.ids[i].hi, w.ids[i].lo)
	}
	for r := len(l.runs) - 1; r >= 0; r-- {
		if err := l.lookRun(l.runs[r], misses); err != nil {
			return err
		}
	}
	return nil
}

// lookSealing keeps the misses that the sealing table does not know either.
func (l *Ledger) lookSealing(misses []uint16) []uint16 {
	w := l.scratch
	for _, i := range misses {
		w.touched ^= l.sealing.touch(w.ids[i].hi, w.hash[i])
	}
	left := misses[:0]
	for _, i := range misses {
		if e := l.sealing.find(w.ids[i].hi, w.ids[i].lo, w.hash[i]); e != nil {
			w.cold[i] = *e
		} else {
			left = append(left, i)
		}
	}
	return left
}

// lookRun looks the misses up in a run; what a younger run said stays.
func (l *Ledger) lookRun(r *run, misses []uint16) error {
	w := l.scratch
	hits := w.hits[:0]
	for _, i := range misses {
		if r.filterOf(w.ids[i]).contains(w.key[i]) {
			hits = append(hits, i)
		}
	}
	for _, i := range hits {
		if w.cold[i].owner != 0 {
			continue
		}
		e, ok, err := r.find(w.ids[i])
		if err != nil {
			return err
		}
		if ok {
			w.cold[i] = e
		}
	}
	return nil
}

// decide answers a batch that look has looked up. mu is held.
func (l *Ledger) decide(sh *shard, claims []lake.Claim, out []lake.Outcome) {
	w := l.scratch
	for i := range claims {
		c := &claims[i]
		fresh := entry{
			hi: w.ids[i].hi, lo: w.ids[i].lo,
			owner:       ownerOf(sh.number, c.Position.Seq[2]),
			fingerprint: c.Fingerprint,
			time:        uint32(c.Time / 1_000_000),
		}
		l.seen = max(l.seen, fresh.time)
		hot := l.active.find(fresh.hi, fresh.lo, w.hash[i])
		known := hot
		if known == nil && w.cold[i].owner != 0 {
			known = &w.cold[i]
		}
		switch {
		case known != nil && known.owner == fresh.owner:
			out[i] = lake.Owned
			continue
		case known != nil && uint64(known.time)+l.ttl >= uint64(fresh.time):
			out[i] = lake.Taken
			if known.fingerprint != fresh.fingerprint {
				out[i] = lake.Conflict
			}
			continue
		}
		out[i] = lake.Owned
		if c.Position.Seq[2] <= sh.committed {
			continue
		}
		if hot != nil {
			l.disown(hot)
			*hot = fresh
		} else {
			l.active.insert(&fresh, w.hash[i])
		}
		sh.tentative = append(sh.tentative, fresh)
	}
}

// disown makes place for the heir of an expired claim. A committed one is kept
// for the next run, as long as its heir may still be forgotten by a crash. A
// tentative one is taken off its shard's: committed after its heir, it would
// come back from the log as the owner; that is rare, a shard that lags by a
// claim's lifetime. mu is held.
func (l *Ledger) disown(e *entry) {
	sh := l.state.shards[e.owner.shard()]
	if e.owner.position() <= sh.committed {
		l.replaced[id{e.hi, e.lo}] = *e
		return
	}
	sh.tentative = slices.DeleteFunc(sh.tentative, func(t entry) bool { return t.owner == e.owner })
}

// Owner is who owns an ID.
type Owner struct {
	Shard       lake.ShardID  `json:"shard"`
	Position    lake.Position `json:"position"`
	Time        lake.Instant  `json:"time"` // log time, in whole seconds
	Fingerprint uint32        `json:"fingerprint"`
	Committed   bool          `json:"committed"` // false while only memory knows
}

// Lookup returns the owner of an ID; found is false when nobody owns it or the
// ledger has forgotten. It changes nothing.
func (l *Ledger) Lookup(ctx context.Context, want lake.ID) (o Owner, found bool, err error) {
	if err := ctx.Err(); err != nil {
		return o, false, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.broken != nil {
		return o, false, l.broken
	}
	if err := l.look([]lake.Claim{{ID: want}}); err != nil {
		return o, false, fmt.Errorf("look up %s: %w", want, err)
	}
	e := l.scratch.cold[0]
	if hot := l.active.find(l.scratch.ids[0].hi, l.scratch.ids[0].lo, l.scratch.hash[0]); hot != nil {
		e = *hot
	}
	if e.owner == 0 {
		return o, false, nil
	}
	sh := l.state.shards[e.owner.shard()]
	return Owner{
		Shard: sh.id, Position: lake.Pos(e.owner.position()), Time: lake.Instant(e.time) * 1_000_000,
		Fingerprint: e.fingerprint, Committed: e.owner.position() <= sh.committed,
	}, true, nil
}
