package stream

import (
	"log/slog"
	"time"

	"github.com/eventlake/lake"
)

// Defaults of Options.
const (
	DefaultShards       = 4
	DefaultSegmentBytes = 64 << 20
	DefaultRetention    = 7 * 24 * time.Hour
	DefaultMaxQueue     = 64 << 20
	DefaultCacheBytes   = 32 << 20
)

// MaxShards is the largest number of shards.
const MaxShards = 256

// Options of a stream. The zero value is usable: every zero means the default.
type Options struct {
	// Shards is how many shards a new stream has. A stream that exists keeps
	// its number; another one here is logged and ignored.
	Shards int
	// SegmentBytes is the size at which a segment ends; a larger frame still
	// goes into one segment.
	SegmentBytes int64
	// MaxBytes is how many bytes all segments may take together; Append returns
	// lake.ErrFull beyond it. 0 is no limit.
	MaxBytes int64
	// Free returns the free bytes of the disk and Reserve is how many of them
	// Append leaves to the other parts, so that what was accepted can still be
	// taken in. No check when Free is nil or Reserve is 0.
	Free    func() (int64, error)
	Reserve int64
	// Retention is how long records that every consumer has passed are kept. A
	// negative value keeps them no longer than they are needed.
	Retention time.Duration
	// RetainBytes lets Trim delete earlier than Retention, and without regard to
	// named consumers, while the segments take more than this. 0 never does.
	RetainBytes int64
	// MaxQueue is how many bytes of events may wait for their fsync; Append
	// returns lake.ErrFull beyond it. A single call may always be larger.
	MaxQueue int64
	// CacheBytes is how many bytes of the latest frames are kept in memory for
	// readers at the end of the stream. A negative value keeps none.
	CacheBytes int64
	// Clock tells Trim the age of records. Log time does not come from it but
	// from the events.
	Clock  lake.Clock
	Logger *slog.Logger // nil logs nothing
	// OnSync is called after each write and fsync of a frame with what it took,
	// from the shards' writers at once. nil is not called.
	OnSync func(d time.Duration, events, bytes int)
}

func (o Options) withDefaults() (Options, error) {
	if o.Shards < 0 || o.Shards > MaxShards {
		return o, lake.Errorf(lake.ErrInvalid, "use 1 to 256 shards", "%d shards", o.Shards)
	}
	if o.Shards == 0 {
		o.Shards = DefaultShards
	}
	if o.SegmentBytes <= 0 {
		o.SegmentBytes = DefaultSegmentBytes
	}
	switch {
	case o.Retention == 0:
		o.Retention = DefaultRetention
	case o.Retention < 0:
		o.Retention = 0
	}
	if o.MaxQueue <= 0 {
		o.MaxQueue = DefaultMaxQueue
	}
	switch {
	case o.CacheBytes == 0:
		o.CacheBytes = DefaultCacheBytes
	case o.CacheBytes < 0:
		o.CacheBytes = 0
	}
	if o.Clock == nil {
		o.Clock = lake.SystemClock
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return o, nil
}
