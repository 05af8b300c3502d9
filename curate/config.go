package curate

import (
	"context"
	"io"
	"log/slog"
	"math"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/eventlake/lake"
)

// Lines opens the uncompressed NDJSON lines of a raw file. Reading ends in
// lake.ErrCorrupt instead of io.EOF when the file is damaged.
type Lines interface {
	Open(ctx context.Context, f lake.File) (io.ReadCloser, error)
}

// Config is what a Curator works with. The zero values of Limits, Interval,
// Clock, Logger and Registerer mean their defaults.
type Config struct {
	Backlog lake.Backlog
	Store   lake.Store
	Catalog lake.Catalog
	Lines   Lines
	Limits  Limits

	// Interval is the longest wait between two looks at the backlog; default 1 s.
	Interval time.Duration
	// LateAfter is the age (received - created) from which an event is also
	// compared with the ids that its day's files hold already. It must be less
	// than the claims' lifetime by a margin; 0 compares every event.
	LateAfter time.Duration
	// Forgotten is until which of their own times events are compared too, however
	// young: claims of that time may be gone before LateAfter, for instance because
	// their lifetime was shorter then. It is asked once a table and cycle; nil is
	// never.
	Forgotten func() lake.Instant

	Clock      lake.Clock            // default lake.SystemClock
	Logger     *slog.Logger          // default: discard
	Registerer prometheus.Registerer // nil: no metrics are exported
}

// Limits bound work, memory and the width of tables. Zero means the default.
type Limits struct {
	Memory     int64 // bytes of rows not yet in a file; default 256 MiB, at most 2 GiB; filters over ids that are compared with take up to half as much
	CycleBytes int64 // compressed raw bytes one cycle takes in; default 64 MiB
	// CycleFiles is about how many raw files the first cycle takes in; each cycle
	// may take four times as many as the one before, so that one who is killed every
	// few seconds comes on. Default 256.
	CycleFiles int
	Columns    int   // leaf columns of a table; default 1,000
	Depth      int   // nesting of structs and lists; default 5, negative: none
	Width      int   // fields of one struct; default 200
	FileBytes  int64 // compaction aims at files of this size; default 128 MiB
	SmallFiles int   // this many small files of about one size are merged; default 8, at least 2
}

const (
	defaultInterval = time.Second
	mib             = 1 << 20
	maxMemory       = 2 << 30 // offsets inside a column have 32 bits
)

// WithDefaults returns the limits with every zero replaced by its default.
func (l Limits) WithDefaults() Limits {
	or := func(v *int64, d int64) {
		if *v <= 0 {
			*v = d
		}
	}
	orInt := func(v *int, d int) {
		if *v <= 0 {
			*v = d
		}
	}
	or(&l.Memory, 256*mib)
	l.Memory = min(l.Memory, maxMemory)
	or(&l.CycleBytes, 64*mib)
	or(&l.FileBytes, 128*mib)
	orInt(&l.CycleFiles, 256)
	orInt(&l.Columns, 1000)
	if l.Depth == 0 {
		l.Depth = 5
	}
	orInt(&l.Width, 200)
	orInt(&l.SmallFiles, 8)
	l.SmallFiles = max(l.SmallFiles, 2)
	return l
}

func forgotten(f func() lake.Instant) lake.Instant {
	if f == nil {
		return math.MinInt64
	}
	return f()
}

func (c *Config) check() error {
	if c.Backlog == nil || c.Store == nil || c.Catalog == nil || c.Lines == nil {
		return lake.Errorf(lake.ErrInvalid, "", "curate: backlog, store, catalog and lines are required")
	}
	c.Limits = c.Limits.WithDefaults()
	if c.Interval <= 0 {
		c.Interval = defaultInterval
	}
	if c.Clock == nil {
		c.Clock = lake.SystemClock
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return nil
}
