package ledger

import (
	"log/slog"
	"time"

	"github.com/eventlake/lake"
)

// Options are the ledger's settings; the zero value means the defaults.
type Options struct {
	// TTL is how long a claim lives, by log time in whole seconds. Default 30
	// days. A copy of an event that comes later is taken for a new one here,
	// and found by the table's own deduplication.
	TTL time.Duration
	// HotBytes is the memory for the claims that are not in a run yet. Default
	// 256 MiB: 2.2 million claims hot, and as many being sealed.
	HotBytes int64
	// SegmentBytes is how long the log grows before claims are sealed and a
	// snapshot is written, which lets the log be deleted. Default 128 MiB, and
	// never less than twice the snapshot.
	SegmentBytes int64
	// MergeRate bounds what merging runs writes, in bytes a second. Default
	// 64 MiB; negative is no bound.
	MergeRate int64
	// Clock dates commits, for people only. Default lake.SystemClock.
	Clock lake.Clock
	// Logger gets what happens in the background. Default: nowhere.
	Logger *slog.Logger

	inline bool // seal and merge inside Commit: no goroutines
}

func (o Options) withDefaults() Options {
	const mib = 1 << 20
	if o.TTL <= 0 {
		o.TTL = 30 * 24 * time.Hour
	}
	if o.HotBytes <= 0 {
		o.HotBytes = 256 * mib
	}
	if o.SegmentBytes <= 0 {
		o.SegmentBytes = 128 * mib
	}
	if o.MergeRate == 0 {
		o.MergeRate = 64 * mib
	}
	if o.Clock == nil {
		o.Clock = lake.SystemClock
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return o
}
