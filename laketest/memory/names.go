package memory

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"github.com/eventlake/lake"
)

// Names is a lake.NameList. It is safe for concurrent use.
type Names struct {
	mu   sync.Mutex
	list []lake.Name
}

// Names implements lake.NameList.
func (l *Names) Names(ctx context.Context) ([]lake.Name, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.list), ctx.Err()
}

// SetNames implements lake.NameList.
func (l *Names) SetNames(ctx context.Context, n int, names []lake.Name) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case len(names) <= n:
		return fmt.Errorf("%d names in the place of %d: %w", len(names), n, lake.ErrInvalid)
	case len(l.list) != n:
		return fmt.Errorf("the list has %d names, not %d: %w", len(l.list), n, lake.ErrStale)
	}
	l.list = slices.Clone(names)
	return nil
}
