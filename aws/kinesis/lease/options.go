package lease

import (
	"context"
	"crypto/rand"
	"log/slog"
	"os"
	"strconv"
	"time"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/aws/kinesis"
)

// Stream is what a Manager needs of the stream whose shards it shares.
// *kinesis.Stream is one.
type Stream interface {
	Shards(ctx context.Context) ([]lake.Shard, error)
	Tip(shard lake.ShardID) (kinesis.Tip, bool)
	Remember(shard lake.ShardID, t kinesis.Tip)
}

// Work is done on a shard for as long as its lease is held. It returns nil when
// the shard is closed and everything in it is committed, and soon after the
// context ends, whatever then. Any other end is a failure: the lease is given
// back and the shard left alone for a while.
type Work func(ctx context.Context, shard lake.ShardID) error

// Options of a Manager. Zero values take the defaults.
type Options struct {
	// Worker names this process among all that share the stream, and must be
	// its alone; default host, process id and random letters.
	Worker string
	// Expiry is how long a lease lives without being renewed; default 15 s. A
	// process that cannot renew stops its work somewhat earlier.
	Expiry time.Duration
	// Renew is the time between renewals; default a fifth of Expiry.
	Renew time.Duration
	// Drain is how long work may take to end when the Manager does; default 15 s.
	Drain time.Duration
	Log   *slog.Logger
}

func (o Options) withDefaults() Options {
	if o.Worker == "" {
		host, err := os.Hostname()
		if err != nil {
			host = "worker"
		}
		o.Worker = host + "/" + strconv.Itoa(os.Getpid()) + "/" + rand.Text()[:8]
	}
	if o.Expiry <= 0 {
		o.Expiry = 15 * time.Second
	}
	if o.Renew <= 0 {
		o.Renew = o.Expiry / 5
	}
	if o.Drain <= 0 {
		o.Drain = 15 * time.Second
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return o
}
