package dynamodb

import (
	"context"
	"errors"
	"fmt"

	"golang.org/x/sync/errgroup"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/aws/awsapi"
)

// shard is what this process knows of one shard's log. Its fields belong to
// whoever holds the lock.
type shard struct {
	id    lake.ShardID
	lock  chan struct{} // holds one when locked
	head  head
	known bool   // head was read, or written, by this process
	state *state // nil until somebody needs it; may be behind the log
	// failing is about checkpoints.
	failing awsapi.Failing
}

// locked returns the shard for this caller alone, until release.
func (l *Ledger) locked(ctx context.Context, id lake.ShardID) (sh *shard, release func(), err error) {
	l.mu.Lock()
	sh = l.shards[id]
	if sh == nil {
		sh = &shard{id: id, lock: make(chan struct{}, 1)}
		l.shards[id] = sh
	}
	l.mu.Unlock()
	select {
	case sh.lock <- struct{}{}:
		return sh, func() { <-sh.lock }, nil
	case <-ctx.Done():
		return nil, nil, ctx.Err()
	}
}

// refresh reads the head again.
func (l *Ledger) refresh(ctx context.Context, sh *shard) error {
	h, err := l.head(ctx, sh.id)
	if err == nil {
		sh.head, sh.known = h, true
	}
	return err
}

// errGap means that commits are missing behind a state, or its checkpoint is:
// they were folded and removed since the head was read.
var errGap = errors.New("commits are folded")

const hintGap = "restore the table to a point in time, or the last versions of objects under ledger/: some of the ledger are missing"

// loadTries is how often a log is read that checkpoints run away from.
const loadTries = 5

// load brings the shard's state up to the head at least, and reads the parts that
// are wanted; nil is none.
func (l *Ledger) load(ctx context.Context, sh *shard, h head, wanted func(*part) bool) error {
	for range loadTries {
		err := l.follow(ctx, sh, h)
		if err == nil {
			err = l.readParts(ctx, sh, wanted)
		}
		if err == nil {
			return nil
		}
		if !errors.Is(err, errGap) {
			return fmt.Errorf("read the log of %s: %w", sh.id, err)
		}
		sh.state = nil
		if h, err = l.head(ctx, sh.id); err != nil {
			return fmt.Errorf("read the log of %s: %w", sh.id, err)
		}
	}
	return lake.Errorf(lake.ErrCorrupt, hintGap, "the log of %s has a gap before commit %d", sh.id, h.commits)
}

// follow reads the commits behind the state, or from the checkpoint on.
func (l *Ledger) follow(ctx context.Context, sh *shard, h head) error {
	s := sh.state
	if s == nil {
		var err error
		if s, err = l.checkpointed(ctx, sh.id, h.checkpoint); err != nil {
			return err
		}
	}
	if s.commits >= h.commits {
		sh.state = s
		return nil
	}
	for i, err := range l.query(ctx, scope{pk: commitPartition(sh.id), compare: ">", bound: ordinal(s.commits)}) {
		if err != nil {
			return err
		}
		f := fields{item: i}
		if sk := f.text("sk"); sk != ordinal(s.commits+1) {
			return fmt.Errorf("%w: %s follows commit %d", errGap, sk, s.commits)
		}
		r, err := l.record(ctx, sh.id, i)
		if err != nil {
			return fmt.Errorf("commit %d: %w", s.commits+1, err)
		}
		if s, err = s.apply(r, l.reader(ctx, sh)); err != nil {
			return err
		}
		sh.state = s
	}
	if s.commits < h.commits {
		return fmt.Errorf("%w: the log ends at commit %d of %d", errGap, s.commits, h.commits)
	}
	return nil
}

// partsAtOnce is how many parts of a shard are read at a time.
const partsAtOnce = 4

func (l *Ledger) readParts(ctx context.Context, sh *shard, wanted func(*part) bool) error {
	if wanted == nil {
		return nil
	}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(partsAtOnce)
	read := l.reader(ctx, sh)
	for _, p := range sh.state.parts {
		if p.content == nil && wanted(p) {
			group.Go(func() error { return read(p) })
		}
	}
	return group.Wait()
}

// reader reads parts of the shard; errGap when the object of one is gone: a later
// checkpoint has replaced it.
func (l *Ledger) reader(ctx context.Context, sh *shard) reader {
	return func(p *part) error {
		if p.content != nil {
			return nil
		}
		content, err := l.blobs.open(ctx, p.object)
		if errors.Is(err, lake.ErrNotFound) {
			return fmt.Errorf("%w: %w", errGap, err)
		}
		if err == nil {
			err = p.fill(sh.id, content)
		}
		if err != nil {
			return fmt.Errorf("part %s: %w", p.object, err)
		}
		return nil
	}
}

// record reads the content of a commit.
func (l *Ledger) record(ctx context.Context, id lake.ShardID, i item) (*record, error) {
	content, err := l.content(ctx, i)
	if err != nil {
		return nil, err
	}
	return decodeRecord(id, content)
}

// content reads what an item holds; errGap when its object is gone.
func (l *Ledger) content(ctx context.Context, i item) ([]byte, error) {
	content, err := l.blobs.get(ctx, i)
	if errors.Is(err, lake.ErrNotFound) {
		return nil, fmt.Errorf("%w: %w", errGap, err)
	}
	return content, err
}

// checkpointed reads the state at a checkpoint; 0 is the empty state.
func (l *Ledger) checkpointed(ctx context.Context, id lake.ShardID, n uint64) (*state, error) {
	if n == 0 {
		return &state{shard: id}, nil
	}
	i, err := l.get(ctx, place(checkpointPartition(id), ordinal(n)))
	if err != nil {
		return nil, err
	}
	if len(i) == 0 {
		return nil, fmt.Errorf("%w: checkpoint %d is gone", errGap, n)
	}
	content, err := l.content(ctx, i)
	if err != nil {
		return nil, fmt.Errorf("checkpoint %d: %w", n, err)
	}
	s, err := decodeState(id, content)
	if err != nil {
		return nil, fmt.Errorf("checkpoint %d: %w", n, err)
	}
	if s.commits != n {
		return nil, fmt.Errorf("checkpoint %d holds %d commits: %w", n, s.commits, lake.ErrCorrupt)
	}
	return s, nil
}
