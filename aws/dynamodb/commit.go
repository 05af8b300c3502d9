package dynamodb

import (
	"context"
	"errors"
	"fmt"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/aws/awsapi"
)

// Commit implements lake.Ledger; the transaction that replaces the shard's head
// is the commit point. Files to remove must have been added by commits of the
// same shard. Beyond the contract: ErrInvalid when a file to add is live
// already, as far as that is looked at: for commits with an empty span. After
// awsapi.ErrUnknown, which comes only when the context ends or tries are used
// up, Position tells whether a commit with a span has happened.
func (l *Ledger) Commit(ctx context.Context, c lake.Commit) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	r, err := newRecord(&c)
	if err == nil {
		err = l.commit(ctx, c.Shard, r)
	}
	if err != nil {
		return fmt.Errorf("commit %s %s: %w", c.Shard, c.Span, err)
	}
	return nil
}

func (l *Ledger) commit(ctx context.Context, id lake.ShardID, r *record) error {
	sh, release, err := l.locked(ctx, id)
	if err != nil {
		return err
	}
	defer release()
	if err := l.extend(ctx, sh, r); err != nil {
		return err
	}
	l.upkeep(ctx, sh)
	return nil
}

// newRecord takes what can be checked without the ledger.
func newRecord(c *lake.Commit) (*record, error) {
	if c.Shard == "" {
		return nil, fmt.Errorf("a shard without a name: %w", lake.ErrInvalid)
	}
	if !c.Span.Empty() && !c.Span.To.After(c.Span.After) {
		return nil, fmt.Errorf("the span runs backwards: %w", lake.ErrInvalid)
	}
	r := &record{span: c.Span, add: c.Add, books: c.Books, names: c.Types}
	seen := make(map[lake.Key]bool, max(len(c.Add), len(c.Remove)))
	for i := range c.Remove {
		k := c.Remove[i].Key
		if seen[k] {
			return nil, fmt.Errorf("file %s is removed twice: %w", k, lake.ErrStale)
		}
		seen[k] = true
		r.remove = append(r.remove, k)
	}
	clear(seen)
	for i := range c.Add {
		k := c.Add[i].Key
		if seen[k] {
			return nil, fmt.Errorf("file %s is added twice: %w", k, lake.ErrInvalid)
		}
		seen[k] = true
	}
	return r, nil
}

// extendTries is how often a commit is made anew because others commit to the
// same shard.
const extendTries = 20

// errLost means that another commit came first.
var errLost = errors.New("another commit came first")

// extend makes the record the next commit of the shard.
func (l *Ledger) extend(ctx context.Context, sh *shard, r *record) error {
	// Files of a span that nobody has committed have names that nobody has
	// used, so the usual commit needs to know nothing of the others.
	files := len(r.remove) > 0 || r.span.Empty() && len(r.add) > 0
	fresh := false
	var gap error
	for range extendTries {
		if !fresh && (files || !sh.known || !r.span.Empty() && sh.head.position != r.span.After) {
			if err := l.refresh(ctx, sh); err != nil {
				return err
			}
		}
		if !r.span.Empty() && sh.head.position != r.span.After {
			return fmt.Errorf("the shard is at %s: %w", sh.head.position, lake.ErrStale)
		}
		if files {
			if err := l.load(ctx, sh, sh.head, nil); err != nil {
				return err
			}
			if sh.state.commits != sh.head.commits {
				fresh = false
				continue // somebody commits at this moment
			}
			err := sh.state.check(r, l.reader(ctx, sh))
			if errors.Is(err, errGap) {
				sh.state, fresh, gap = nil, false, err
				continue // a checkpoint has replaced parts
			}
			if err != nil {
				return err
			}
		}
		err := l.transact(ctx, sh, r)
		if !errors.Is(err, errLost) {
			return err
		}
		fresh = true
	}
	if gap != nil {
		return lake.Errorf(lake.ErrCorrupt, hintGap, "files of the log of %s are gone: %v", sh.id, gap)
	}
	return fmt.Errorf("others commit to the shard all the time: %w", lake.ErrStale)
}

// stamp gives out the time of a commit, later than that of any before it.
func (l *Ledger) stamp(after lake.Instant) lake.Instant {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.now = max(l.options.Clock(), l.now+1, after+1)
	return l.now
}

// won finds out whether our transaction has happened, although a later answer
// says that the head has moved on.
func (l *Ledger) won(ctx context.Context, sh *shard, number uint64, token string) (bool, error) {
	switch {
	case sh.head.commits < number:
		return false, nil
	case sh.head.commits == number:
		return sh.head.token == token, nil
	}
	i, err := l.get(ctx, place(commitPartition(sh.id), ordinal(number)))
	if err != nil {
		return false, err
	}
	if len(i) == 0 {
		return false, fmt.Errorf("commit %d is folded by now: %w", number, awsapi.ErrUnknown)
	}
	f := fields{item: i}
	return f.text("w") == token, f.err
}
