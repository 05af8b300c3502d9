package keys

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/eventlake/lake"
)

// ErrUnread means that the keys could not be read for so long that those known
// before must not be trusted any more.
var ErrUnread = errors.New("the keys cannot be read")

// Remote is the keys of a file that lies elsewhere and is changed there. It is
// read anew by whoever authenticates when what is known is too old: a process
// that is frozen between requests, as a Lambda is, has no other moment. Safe for
// concurrent use.
type Remote struct {
	name string
	read func(context.Context) ([]byte, error)
	opt  RemoteOptions

	current atomic.Pointer[reading]
	tried   atomic.Int64 // lake.Instant of the last try to read

	mu sync.Mutex // held while reading
}

// reading is what a read of the file gave, and when it began.
type reading struct {
	*Set
	at lake.Instant
}

// RemoteOptions of a Remote; zero values take the defaults.
type RemoteOptions struct {
	// Every is how old keys get before they are read anew, and so how long a
	// revoked key works; default 1 minute.
	Every time.Duration
	// Trust is how old they may get while reading fails; default 10 minutes.
	Trust time.Duration
	// Timeout bounds one reading, for which a request waits; default 3 s.
	Timeout time.Duration
	Clock   lake.Clock   // nil: the system's clock
	Logger  *slog.Logger // nil: nothing is logged
}

func (o RemoteOptions) withDefaults() RemoteOptions {
	for _, d := range []struct {
		v         *time.Duration
		otherwise time.Duration
	}{{&o.Every, time.Minute}, {&o.Trust, 10 * time.Minute}, {&o.Timeout, 3 * time.Second}} {
		if *d.v <= 0 {
			*d.v = d.otherwise
		}
	}
	if o.Clock == nil {
		o.Clock = lake.SystemClock
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return o
}

// OpenRemote reads the keys for the first time. read returns the whole file; a
// file that is not there is an error, as somebody may have taken it away by
// mistake. ErrCorrupt when it cannot be understood.
func OpenRemote(ctx context.Context, name string, read func(context.Context) ([]byte, error), o RemoteOptions) (*Remote, error) {
	r := &Remote{name: name, read: read, opt: o.withDefaults()}
	if err := r.reload(ctx); err != nil {
		return nil, err
	}
	return r, nil
}

// Authenticate is Set.Authenticate of keys that are not older than
// RemoteOptions.Every, or Trust while they cannot be read; then it is ErrUnread.
func (r *Remote) Authenticate(secret string) (Key, error) {
	if err := r.refresh(); err != nil {
		return Key{}, err
	}
	return r.current.Load().Authenticate(secret)
}

// pause is how long nothing is tried after a reading that failed.
func (r *Remote) pause() time.Duration { return r.opt.Every / 6 }

// since is how long ago something was; very long when it lies in the future, as
// after a change of the clock.
func (r *Remote) since(at lake.Instant) time.Duration {
	if age := r.opt.Clock().Sub(at); age >= 0 {
		return age
	}
	return r.opt.Trust + 1
}

// refresh sees that the keys may be trusted. One caller reads; the others go on
// with what is known, unless that is too old.
func (r *Remote) refresh() error {
	if r.since(r.current.Load().at) < r.opt.Every {
		return nil
	}
	if !r.mu.TryLock() {
		if r.since(r.current.Load().at) <= r.opt.Trust {
			return nil
		}
		r.mu.Lock()
	}
	defer r.mu.Unlock()
	age := r.since(r.current.Load().at)
	if age < r.opt.Every { // somebody else has just read them
		return nil
	}
	var err error
	if r.since(lake.Instant(r.tried.Load())) >= r.pause() {
		ctx, cancel := context.WithTimeout(context.Background(), r.opt.Timeout)
		defer cancel()
		if err = r.reload(ctx); err == nil {
			return nil
		}
		level := slog.LevelWarn // once is nothing to wake somebody for
		if age > r.opt.Trust/2 {
			level = slog.LevelError
		}
		r.opt.Logger.Log(ctx, level, "keys not read again", "file", r.name, "age", age.Round(time.Second), "refused_from", r.opt.Trust,
			"error", err, "hint", lake.Hint(err))
	}
	if age <= r.opt.Trust {
		return nil
	}
	if err == nil {
		return ErrUnread
	}
	return fmt.Errorf("%w: %w", ErrUnread, err)
}

// reload replaces the keys; after an error they are as before.
func (r *Remote) reload(ctx context.Context) error {
	at := r.opt.Clock() // before: what changes while it is read may not be in it
	r.tried.Store(int64(at))
	data, err := r.read(ctx)
	if err != nil {
		return fmt.Errorf("read keys %s: %w", r.name, err)
	}
	set, err := Parse(r.name, data)
	if err != nil {
		return err
	}
	r.current.Store(&reading{set, at})
	return nil
}
