package ledger

import (
	"context"
	"fmt"
	"maps"

	"github.com/eventlake/lake"
)

// Commit implements lake.Ledger. The fsync of the log inside it is the commit
// point. Beyond the contract: ErrInvalid when a file to add is live already,
// or positions are not ordinals; ErrFull when the disk has no room, and then
// nothing has happened; ErrClosed after any other failure, and then only
// opening the ledger again tells whether it happened.
func (l *Ledger) Commit(ctx context.Context, c lake.Commit) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	r := &record{Shard: c.Shard, Span: c.Span, Add: c.Add, Books: c.Books, Types: c.Types}
	for _, f := range c.Remove {
		r.Remove = append(r.Remove, f.Key)
	}
	l.commitMu.Lock()
	err := l.commit(r, nil)
	if err == nil {
		l.sealIfDue()
	}
	l.commitMu.Unlock()
	if err != nil {
		return fmt.Errorf("commit %s %s: %w", c.Shard, c.Span, err)
	}
	if l.options.inline {
		l.mergeAll()
	}
	return nil
}

// commit makes a record true and durable; also runs with it, under mu.
// commitMu is held.
func (l *Ledger) commit(r *record, also func()) error {
	frame, err := l.prepare(r)
	if err != nil {
		return err
	}
	if err := l.segment.append(frame); err != nil {
		if isFull(err) {
			return err
		}
		l.fail(fmt.Errorf("write to the log: %w", err))
		return l.failed()
	}
	l.next++
	const keep = 16 << 20 // bytes of buffer that stay for the next commit
	if cap(l.buf) > keep {
		l.buf = nil
	}
	if err := l.take(r, also); err != nil {
		// It was checked, and commitMu kept others out since.
		l.fail(fmt.Errorf("a checked record does not apply: %w", err))
		return l.failed()
	}
	return nil
}

// take makes a record that is durable visible.
func (l *Ledger) take(r *record, also func()) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.state.apply(r); err != nil {
		return err
	}
	l.state.commits++
	if r.Curated != nil {
		l.markDirty = !maps.Equal(r.Curated, l.state.curated)
	}
	if !r.Span.Empty() {
		l.state.byName[r.Shard].settle()
	}
	if also != nil {
		also()
	}
	return nil
}

func (l *Ledger) failed() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.broken
}

// prepare checks a record, completes it and makes its frame.
func (l *Ledger) prepare(r *record) ([]byte, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.broken != nil {
		return nil, l.broken
	}
	if err := l.state.check(r); err != nil {
		return nil, err
	}
	r.Time = l.options.Clock()
	var claims []entry
	var after, to uint64
	if !r.Span.Empty() {
		sh, err := l.state.shard(r.Shard)
		if err != nil {
			return nil, err
		}
		claims, after, to = sh.tentative, r.Span.After.Seq[2], r.Span.To.Seq[2]
	}
	for _, sh := range l.state.shards[l.state.named:] {
		r.Shards = append(r.Shards, sh.id)
	}
	if l.markDirty {
		r.Curated = maps.Clone(l.state.curated)
	}
	buf, err := appendRecord(beginFrame(l.buf[:0]), r, claims, after, to)
	if err != nil {
		return nil, err
	}
	l.buf = buf
	return buf, endFrame(buf, l.next)
}

// settle forgets the tentative claims that the shard's position has passed:
// they are in the log.
func (sh *shard) settle() {
	left := sh.tentative[:0]
	for i := range sh.tentative {
		if e := &sh.tentative[i]; e.owner.position() > sh.committed {
			left = append(left, *e)
		}
	}
	sh.tentative = left
}
