package ledger

import (
	"context"
	"maps"

	"github.com/eventlake/lake"
)

// Pending implements lake.Backlog. It costs what it returns, however many
// files are live.
func (l *Ledger) Pending(ctx context.Context) ([]lake.File, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.broken != nil {
		return nil, l.broken
	}
	out := make([]lake.File, len(l.state.pending))
	for i, it := range l.state.pending {
		out[i] = it.file
	}
	return out, nil
}

// Curated implements lake.Backlog.
func (l *Ledger) Curated(ctx context.Context) (map[lake.ShardID]lake.Position, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.broken != nil {
		return nil, l.broken
	}
	return maps.Clone(l.state.curated), nil
}

// MarkCurated implements lake.Backlog. The mark becomes durable with the next
// commit, or when the ledger is closed.
func (l *Ledger) MarkCurated(ctx context.Context, mark map[lake.ShardID]lake.Position) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.broken != nil {
		return l.broken
	}
	if l.state.mark(mark) {
		l.markDirty = true
	}
	return nil
}
