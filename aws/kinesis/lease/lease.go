package lease

import (
	"context"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/aws/kinesis"
)

// Lease says who works on a shard.
type Lease struct {
	Shard   lake.ShardID
	Counter uint64 // other than before after every write
	Owner   string // "" when nobody works on it
	Next    string // who has asked the owner for it; "" when nobody
	Done    bool   // the shard is closed, and everything in it is committed
	Tip     kinesis.Tip
}

// holder is who has the lease or is about to get it.
func (l *Lease) holder() string {
	if l.Next != "" {
		return l.Next
	}
	return l.Owner
}

// Store keeps the leases of one stream where all workers reach them.
type Store interface {
	// List returns all leases as they are now, in no order.
	List(ctx context.Context) ([]Lease, error)
	// Create adds the lease of a shard, owned by nobody, with a Counter of 1.
	// lake.ErrStale when it exists.
	Create(ctx context.Context, shard lake.ShardID) error
	// Swap writes a lease whose Counter is still old; l's own Counter is set to
	// old+1. lake.ErrStale when somebody else was faster. After any other error
	// the lease may have been written.
	Swap(ctx context.Context, old uint64, l *Lease) error
	// Delete removes a lease whose Counter is still old, else lake.ErrStale.
	Delete(ctx context.Context, shard lake.ShardID, old uint64) error
}
