package assemble

import (
	"context"
	"errors"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/local/stream"
)

// TailArgs choose which records of the stream are shown.
type TailArgs struct {
	// Consumer is the name under which the position is kept: reading goes on
	// behind it, for a new name at the oldest record that the stream keeps.
	// Whoever shows the records saves the positions, with OpTailSave.
	Consumer string `json:"consumer,omitempty"`
	// Lines is how many of the newest records to begin with when there is no
	// consumer; negative: all that the stream keeps.
	Lines   int             `json:"lines,omitempty"`
	Follow  bool            `json:"follow,omitempty"` // go on with what comes, until the context ends
	Types   []string        `json:"types,omitempty"`  // partition types, compared without case
	Sources []lake.SourceID `json:"sources,omitempty"`
}

// TailBatch is what was read next.
type TailBatch struct {
	// Positions are how far the shards were read, also past records that are
	// not meant.
	Positions map[lake.ShardID]lake.Position `json:"positions"`
	Events    []TailEvent                    `json:"events,omitempty"`
	// Missed counts records that the stream no longer kept when they were due.
	Missed int64 `json:"missed,omitempty"`
}

// TailEvent is one record as it lies in the stream, and how today's mapping
// reads it: Type, Subtype and Created when it can be taken, else Reason and
// Detail. What became of it, only the ledger knows: it may be a duplicate.
type TailEvent struct {
	Shard    lake.ShardID  `json:"shard"`
	Position lake.Position `json:"position"`
	Source   lake.SourceID `json:"source"`
	Received string        `json:"received_at"`
	ID       string        `json:"event_id"`
	Type     string        `json:"event_type,omitempty"`
	Subtype  string        `json:"event_subtype,omitempty"`
	Created  string        `json:"created_datetime,omitempty"`
	Reason   lake.Reason   `json:"reason,omitempty"` // why it is refused
	Detail   string        `json:"detail,omitempty"`
	// One of these holds the body as it came: Base64 when it is not UTF-8.
	Body   string `json:"body,omitempty"`
	Base64 []byte `json:"body_base64,omitempty"`
}

// TailSave are positions of a consumer to be kept.
type TailSave struct {
	Consumer  string                         `json:"consumer"`
	Positions map[lake.ShardID]lake.Position `json:"positions"`
}

// tails is the consumers that are being read in this process: two readers of
// one would move its position back and forth.
type tails struct {
	lake *Local
	mu   sync.Mutex
	busy map[string]bool
}

func newTails(l *Local) *tails { return &tails{lake: l, busy: map[string]bool{}} }

// leaveWithin is how long a reader waits for one that was just killed: its
// connection is noticed to be gone a little later.
const leaveWithin = 2 * time.Second

// enter claims a consumer until leave is called.
func (t *tails) enter(ctx context.Context, name string) (leave func(), err error) {
	for deadline := time.Now().Add(leaveWithin); !t.claim(name); {
		if time.Now().After(deadline) {
			return nil, lake.Errorf(lake.ErrInvalid, "end it first, or use another name: each consumer gets every event", "another lake tail reads as consumer %s", name)
		}
		if err := lake.Sleep(ctx, leaveWithin/20); err != nil {
			return nil, err
		}
	}
	return func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		delete(t.busy, name)
	}, nil
}

func (t *tails) claim(name string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.busy[name] {
		return false
	}
	t.busy[name] = true
	return true
}

// opTail emits batches; it returns at the end of the stream, or with Follow
// when the context ends.
func (t *tails) opTail(ctx context.Context, args TailArgs, emit func(any)) (any, error) {
	r := &tailReader{lake: t.lake, args: args, emit: func(b TailBatch) { emit(b) }}
	from, end, err := r.ends(ctx)
	if err != nil {
		return nil, err
	}
	if args.Consumer != "" {
		leave, err := t.enter(ctx, args.Consumer)
		if err != nil {
			return nil, err
		}
		defer leave()
		if from, err = r.saved(ctx, from); err != nil {
			return nil, err
		}
	}
	if args.Consumer == "" && args.Lines >= 0 {
		err = r.newest(ctx, from, end)
	} else {
		err = r.catchUp(ctx, from, end)
	}
	if err != nil || !args.Follow {
		return nil, err
	}
	return nil, r.follow(ctx, end)
}

// saved is where the consumer goes on. Records that are gone are reported.
func (r *tailReader) saved(ctx context.Context, oldest positions) (positions, error) {
	c, err := r.lake.Stream.Consumer(r.args.Consumer)
	if err != nil {
		return nil, err
	}
	at, err := c.Load(ctx)
	if errors.Is(err, lake.ErrNotFound) { // from now on the stream keeps what it has not read
		r.send(TailBatch{Positions: oldest})
		return oldest, nil
	}
	if err != nil {
		return nil, err
	}
	var missed int64
	for id, first := range oldest {
		if p := at[id]; first.After(p) {
			missed += between(p, first)
			at[id] = first
		}
	}
	if missed > 0 {
		r.send(TailBatch{Positions: at, Missed: missed})
	}
	return at, nil
}

func (t *tails) opSave(ctx context.Context, args TailSave, _ func(any)) (any, error) {
	c, err := t.lake.Stream.Consumer(args.Consumer)
	if err != nil {
		return nil, err
	}
	return nil, c.Save(ctx, args.Positions)
}

// opForget deletes a consumer, so that the stream no longer waits for it.
func (t *tails) opForget(ctx context.Context, args TailSave, _ func(any)) (any, error) {
	c, err := t.lake.Stream.Consumer(args.Consumer)
	if err != nil {
		return nil, err
	}
	if _, err := c.Load(ctx); err != nil {
		return nil, lake.Errorf(lake.ErrNotFound, "see: lake status", "consumer %s", args.Consumer)
	}
	leave, err := t.enter(ctx, args.Consumer)
	if err != nil {
		return nil, err
	}
	defer leave()
	return nil, c.Delete(ctx)
}

// ConsumerStatus is how far a named consumer is.
type ConsumerStatus struct {
	Consumer string `json:"consumer"`
	Lag      int64  `json:"lag"` // records that are kept and not yet read
}

// consumerStatus compares every consumer with the ends of the shards.
func consumerStatus(ctx context.Context, s *stream.Stream, shards []lake.Shard) ([]ConsumerStatus, error) {
	out, gaps := []ConsumerStatus{}, s.Gaps()
	for _, name := range s.Consumers() {
		c, err := s.Consumer(name)
		if err != nil {
			return nil, err
		}
		at, err := c.Load(ctx)
		if errors.Is(err, lake.ErrNotFound) { // deleted just now
			continue
		}
		if err != nil {
			return nil, err
		}
		st := ConsumerStatus{Consumer: name}
		for _, sh := range shards {
			from := sh.Trimmed
			if p := at[sh.ID]; p.After(from) {
				from = p
			}
			st.Lag += waiting(gaps[sh.ID], from, sh.Last)
		}
		out = append(out, st)
	}
	return out, nil
}

// between counts the records after one position up to another one.
func between(after, to lake.Position) int64 {
	a, _ := after.Uint64() // the embedded stream's positions are ordinals
	b, _ := to.Uint64()
	return int64(b - min(a, b))
}

// waiting counts the records after one position up to another one that can be
// read: those in gaps cannot.
func waiting(gaps []lake.Span, after, to lake.Position) int64 {
	n := between(after, to)
	for _, g := range gaps {
		if after.After(g.After) {
			g.After = after
		}
		if g.To.After(to) {
			g.To = to
		}
		n -= between(g.After, g.To)
	}
	return n
}

// tailEvent describes a record; its memory is not the record's.
func tailEvent(shard lake.ShardID, rec *lake.Record) TailEvent {
	e := TailEvent{Shard: shard, Position: rec.Position, Source: rec.Source, Received: rec.Received.String(), ID: rec.ID.String()}
	if utf8.Valid(rec.Body) {
		e.Body = string(rec.Body)
	} else {
		e.Base64 = append([]byte{}, rec.Body...)
	}
	return e
}
