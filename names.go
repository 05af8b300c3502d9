package lake

import "context"

// NameList is the names that the processes of a lake have admitted together,
// durably. It only grows, so its length tells its state.
type NameList interface {
	// Names returns the list, in the order in which it has grown.
	Names(ctx context.Context) ([]Name, error)
	// SetNames puts a longer list, of at most MaxNameBytes, in the place of the
	// one with n names that it begins with. ErrStale when the list has another
	// length by now; then nothing has happened.
	SetNames(ctx context.Context, n int, names []Name) error
}

// MaxNameBytes is what a NameList has room for: the sum of its names' Bytes.
const MaxNameBytes = 256 << 10

// Bytes is what the name takes of a NameList.
func (n Name) Bytes() int { return len(n.Type) + len(n.Subtype) + 2 }
