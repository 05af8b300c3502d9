// Package assemble turns a configuration into a working lake: which adapters
// stand behind which ports, and which stages work on them. It is the one page
// that sees both sides.
package assemble

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/assemble/curation"
	"github.com/eventlake/lake/config"
	"github.com/eventlake/lake/curate"
	"github.com/eventlake/lake/ingest"
	"github.com/eventlake/lake/local/catalog"
	"github.com/eventlake/lake/local/disk"
	"github.com/eventlake/lake/local/keys"
	"github.com/eventlake/lake/local/ledger"
	"github.com/eventlake/lake/local/store"
	"github.com/eventlake/lake/local/stream"
	"github.com/eventlake/lake/raw"
)

// Local is a lake on one machine: every adapter embedded, every stage in this
// process. It holds the data directory's lock from Open to Close.
type Local struct {
	Config   config.Config
	Log      *slog.Logger
	Registry *prometheus.Registry
	Clock    lake.Clock

	Lock    *disk.Lock
	Stream  *stream.Stream
	Ledger  *ledger.Ledger
	Store   *store.Store
	Catalog *catalog.Catalog
	Keys    *keys.Store

	Sources ingest.Sources
	Names   *ingest.Names
	Gzip    *raw.Compressor
	Lines   *raw.Reader // reads what is on disk
	Curator *curate.Curator

	memory  *raw.Memory
	cache   *raw.Cache
	sweeper *raw.Sweeper
	upkeep  upkeep
	losses  losses
	started time.Time
}

// Dirs of a data directory.
const (
	streamDir = "stream"
	ledgerDir = "ledger"
)

// handoff bounds the memory for lines between ingest and curate: a flush of
// every shard and one more, so that one is written while one is read.
func handoff(cfg config.Config) int {
	const least, most = 64 << 20, 256 << 20
	return min(max(least, (cfg.Stream.Shards+1)*int(cfg.Ingest.FlushSize)*5/4), most)
}

// MemoryOf is how many bytes the parts of a lake that is up may hold at most, by
// their limits, without what DuckDB has in its own processes.
func MemoryOf(cfg config.Config) int64 {
	return int64(cfg.Limits.Memory) + int64(cfg.Claims.Memory) + int64(cfg.Curate.Memory) + int64(handoff(cfg))
}

// Open opens the data directory, making it when it is new. It fails with
// lake.ErrLocked when another process has it open.
func Open(ctx context.Context, cfg config.Config, log *slog.Logger) (_ *Local, err error) {
	l := &Local{Config: cfg, Log: log, Registry: prometheus.NewRegistry(), Clock: lake.SystemClock, started: time.Now()}
	defer func() {
		if err != nil {
			err = errors.Join(err, l.Close())
		}
	}()
	fsys := disk.OS{}
	// Also an old directory: a process that made it may have been killed before
	// its entries were durable.
	if err := makeDirs(fsys, cfg.Data); err != nil {
		return nil, lake.Errorf(lake.ErrInvalid, "give a directory that can be written: --data DIR", "open data directory %s: %v", cfg.Data, err)
	}
	if l.Lock, err = disk.AcquireLock(cfg.Data); err != nil {
		return nil, err
	}
	if l.Sources, err = cfg.Transformers(); err != nil {
		return nil, err
	}
	if l.Keys, err = keys.Open(fsys, cfg.Data, keys.Options{Logger: log}); err != nil {
		return nil, err
	}
	l.Store = store.New(fsys, cfg.Data)
	if l.Stream, err = openStream(ctx, fsys, cfg, log); err != nil {
		return nil, err
	}
	if l.Ledger, err = openLedger(ctx, cfg, log); err != nil {
		return nil, err
	}
	if l.Catalog, err = catalog.Open(ctx, cfg.Data, catalog.Options{Logger: log}); err != nil {
		return nil, err
	}
	if err := l.agree(ctx); err != nil {
		return nil, err
	}
	if err := l.noteLosses(ctx); err != nil {
		return nil, err
	}
	return l, l.stages(ctx)
}

// makeDirs makes the data directory and those of its parts, durably.
func makeDirs(fsys disk.FS, data string) error {
	for _, dir := range []string{"", streamDir, ledgerDir, "tables"} {
		if err := disk.MkdirDurable(fsys, filepath.Join(data, dir)); err != nil {
			return err
		}
	}
	return nil
}

// stages makes the stages over the open adapters.
func (l *Local) stages(ctx context.Context) (err error) {
	cfg := l.Config
	l.memory = raw.NewMemory(handoff(cfg))
	l.cache = raw.NewCache(handoff(cfg), l.memory)
	if l.Gzip, err = raw.NewCompressor(l.Store, cfg.Raw.Level); err != nil {
		return err
	}
	l.Lines = raw.NewReader(l.Store, nil)
	l.sweeper = raw.NewSweeper(l.Ledger, l.Store, l.Clock)
	journal, err := l.Ledger.Journal(ctx)
	if err != nil {
		return err
	}
	l.Names = ingest.NewNames(ingest.Caps{Types: cfg.Ingest.MaxTypes, Subtypes: cfg.Ingest.MaxSubtypes}, journal.Names())
	l.Curator, err = curate.New(curate.Config{
		Backlog: l.Ledger, Store: l.Store, Catalog: l.Catalog, Lines: raw.NewReader(l.Store, l.cache),
		Limits: curation.Limits(cfg.Curate), Interval: cfg.Curate.Interval, LateAfter: lateAfter(cfg), Forgotten: l.forgotten,
		Clock: l.Clock, Logger: l.Log, Registerer: l.Registry,
	})
	return err
}

// Workers returns one ingest worker a shard. One set of workers may run at a
// time.
func (l *Local) Workers(ctx context.Context) ([]*ingest.Worker, error) {
	shards, err := l.Stream.Shards(ctx)
	if err != nil {
		return nil, err
	}
	writer := raw.NewWriter(l.Gzip, l.cache)
	room := len(shards) * int(l.Config.Ingest.FlushSize)
	out := make([]*ingest.Worker, 0, len(shards))
	for _, s := range shards {
		core := ingest.NewCore(s.ID, l.Ledger, l.Sources, l.Names, writer, l.Gzip, l.memory)
		out = append(out, ingest.NewWorker(core, l.Stream, ingest.Options{
			FlushBytes: int64(l.Config.Ingest.FlushSize), FlushAge: l.Config.Ingest.FlushAge, Log: l.Log,
			Pace:      func(ctx context.Context) error { return l.cache.Room(ctx, room, l.Curator.Hurry) },
			Committed: func(lake.Commit) { l.Curator.Wake() },
		}))
	}
	return out, nil
}

// Settle brings everything that the stream holds into the tables, for
// commands that work on a lake that is not running.
func (l *Local) Settle(ctx context.Context) error {
	workers, err := l.Workers(ctx)
	if err != nil {
		return err
	}
	for _, w := range workers {
		if err := w.Drain(ctx); err != nil {
			return fmt.Errorf("settle: %w", err)
		}
	}
	if _, err := l.Curator.Once(ctx); err != nil {
		return fmt.Errorf("settle: %w", err)
	}
	return nil
}

// Close releases everything that Open took, in reverse order. It may be
// called after a failed Open.
func (l *Local) Close() error {
	var errs []error
	if l.Catalog != nil {
		errs = append(errs, l.Catalog.Close())
	}
	if l.Ledger != nil {
		errs = append(errs, l.Ledger.Close())
	}
	if l.Stream != nil {
		errs = append(errs, l.Stream.Close())
	}
	if l.Lock != nil {
		errs = append(errs, l.Lock.Unlock())
	}
	return errors.Join(errs...)
}

func openStream(ctx context.Context, fsys disk.FS, cfg config.Config, log *slog.Logger) (*stream.Stream, error) {
	return stream.Open(ctx, fsys, filepath.Join(cfg.Data, streamDir), stream.Options{
		Shards: cfg.Stream.Shards, SegmentBytes: int64(cfg.Stream.SegmentSize),
		Retention: cfg.Stream.Retention, RetainBytes: int64(cfg.Stream.RetainSize), Logger: log,
		Free: func() (int64, error) { return disk.Free(cfg.Data) }, Reserve: int64(cfg.Limits.DiskFree),
	})
}

// lateAfter is the age from which an event may be a copy of one whose claim
// has expired: it may have been received up to Future before its own time, and
// a tenth of the lifetime is left for good measure. 0 compares every event.
func lateAfter(cfg config.Config) time.Duration {
	return max(0, cfg.Claims.TTL-cfg.Claims.TTL/10-ahead(cfg))
}

// forgotten is until which of their own times events may be copies of some whose
// claims the ledger has dropped.
func (l *Local) forgotten() lake.Instant { return l.Ledger.Forgotten().Add(ahead(l.Config)) }

// ahead is how far an event's own time may be ahead of its receipt.
func ahead(cfg config.Config) (most time.Duration) {
	for _, m := range cfg.Mappings() {
		most = max(most, m.Future)
	}
	return most
}
