package dynamodb

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/eventlake/lake"
)

// Claim implements lake.Ledger. Each claim is one conditional write and durable
// when it is answered; copies within the call are decided here, without a
// write. Throttled and unanswered writes are tried again while there is time:
// the same owner gets the same answer. When one fails for good, claims before
// it are still asked for and those behind it are not: a caller can use only
// what lies before. ErrInvalid, with nothing asked, for a claim at position 0
// or with a log time before 1970.
func (l *Ledger) Claim(ctx context.Context, shard lake.ShardID, claims []lake.Claim, out []lake.Outcome) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := checkClaims(claims, out); err != nil {
		return fmt.Errorf("claim in %s: %w", shard, err)
	}
	if l.options.Dedup == DedupNone {
		for i := range out {
			out[i] = lake.Owned
		}
		l.claims.Add(int64(len(claims)))
		return nil
	}
	clear(out)
	g, _ := l.groups.Get().(*groups)
	defer l.groups.Put(g)
	g.make(claims)
	a := asking{ledger: l, shard: shard, claims: claims, out: out, groups: g}
	a.stop.Store(int64(len(claims)))
	workers := min(cap(l.putters), len(g.first))
	if workers == 1 {
		a.work(ctx)
	} else {
		var wg sync.WaitGroup
		for range workers {
			wg.Go(func() { a.work(ctx) })
		}
		wg.Wait()
	}
	return a.end()
}

func checkClaims(claims []lake.Claim, out []lake.Outcome) error {
	if len(out) != len(claims) {
		return fmt.Errorf("%d claims and room for %d answers: %w", len(claims), len(out), lake.ErrInvalid)
	}
	for i := range claims {
		if claims[i].Position.IsZero() {
			return fmt.Errorf("%s at position 0: %w", claims[i].ID, lake.ErrInvalid)
		}
		if claims[i].Time < 0 {
			return fmt.Errorf("%s has log time %s, before 1970: %w", claims[i].ID, claims[i].Time, lake.ErrInvalid)
		}
	}
	return nil
}

// groups are the claims of one call by ID.
type groups struct {
	last  map[lake.ID]int32 // the latest claim of each ID
	next  []int32           // the next claim of the same ID; 0 is none
	first []int32           // the first claim of each ID
}

func (g *groups) make(claims []lake.Claim) {
	clear(g.last)
	g.first = g.first[:0]
	if cap(g.next) < len(claims) {
		g.next = make([]int32, len(claims))
	}
	g.next = g.next[:len(claims)]
	clear(g.next)
	for i := range claims {
		n := int32(i) // a call has fewer than 2^31 claims
		if before, ok := g.last[claims[i].ID]; ok {
			g.next[before] = n
		} else {
			g.first = append(g.first, n)
		}
		g.last[claims[i].ID] = n
	}
}

// asking is one call of Claim.
type asking struct {
	ledger *Ledger
	shard  lake.ShardID
	claims []lake.Claim
	out    []lake.Outcome
	*groups

	cursor atomic.Int64 // into first
	stop   atomic.Int64 // the lowest claim that failed
	mu     sync.Mutex
	err    error // of that claim
}

// work asks for one ID after another until there are none left.
func (a *asking) work(ctx context.Context) {
	var p *putter
	select {
	case p = <-a.ledger.putters:
	case <-ctx.Done():
		a.fail(0, ctx.Err())
		return
	}
	defer func() { a.ledger.putters <- p }()
	for {
		n := a.cursor.Add(1) - 1
		if n >= int64(len(a.first)) || int64(a.first[n]) > a.stop.Load() {
			return
		}
		a.group(ctx, p, int(a.first[n]))
	}
}

// group decides about all claims of one ID, in order. Only the first is asked
// for, unless the owner's claim expires on the way.
func (a *asking) group(ctx context.Context, p *putter, i int) {
	for known := false; ; known = true {
		c := &a.claims[i]
		p.claim(a.shard, c)
		if !known || p.owner.expired(c.Time) && !p.mine() {
			if err := p.ask(ctx); err != nil {
				a.fail(i, err)
				return
			}
		}
		switch {
		case p.mine():
			a.out[i] = lake.Owned
		case p.owner.fingerprint == c.Fingerprint:
			a.out[i] = lake.Taken
		default:
			a.out[i] = lake.Conflict
		}
		if i = int(a.next[i]); i == 0 {
			return
		}
	}
}

func (a *asking) fail(i int, err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.err == nil || int64(i) < a.stop.Load() {
		a.err = err
		a.stop.Store(min(int64(i), a.stop.Load()))
	}
}

// end counts and returns the call's error.
func (a *asking) end() error {
	answered := 0
	for _, o := range a.out {
		if o != 0 {
			answered++
		}
	}
	a.ledger.claims.Add(int64(answered))
	if a.err != nil {
		return fmt.Errorf("claim in %s: %d of %d claims have no answer: %w",
			a.shard, len(a.out)-answered, len(a.out), a.err)
	}
	return nil
}
