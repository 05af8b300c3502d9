package assemble

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/config"
	"github.com/eventlake/lake/local/catalog"
	"github.com/eventlake/lake/local/disk"
	"github.com/eventlake/lake/local/ledger"
	"github.com/eventlake/lake/local/store"
	"github.com/eventlake/lake/local/stream"
)

// RepairOptions choose what Repair does beyond what Examine found.
type RepairOptions struct {
	Ledger bool // make the ledger again, also when it looks whole
}

// Repair mends what Examine found, part by part, and tells each step. It holds
// the lock of the data directory while it works. A repeat finds nothing to do;
// after a crash Examine finds what is left.
func Repair(ctx context.Context, cfg config.Config, log *slog.Logger, parts []PartHealth, o RepairOptions, tell func(string)) (err error) {
	lock, err := disk.AcquireLock(cfg.Data)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, lock.Unlock()) }()
	var n needs
	var stream bool
	for _, p := range parts {
		n.database = n.database || p.needs.database
		n.mend = n.mend || p.needs.mend
		n.relocate = n.relocate || p.needs.relocate
		n.ledger = n.ledger || p.needs.ledger
		stream = stream || p.Part == partStream && !p.OK()
	}
	if n.database || n.mend || n.relocate {
		if err := repairCatalog(ctx, cfg, log, n, tell); err != nil {
			return err
		}
	}
	if n.database && !n.ledger { // without the tables nobody could tell
		fits, err := ledgerFits(ctx, cfg, log)
		if err != nil {
			return err
		}
		n.ledger = !fits
	}
	if stream || n.ledger || o.Ledger {
		if err := repairStream(ctx, cfg, log, tell); err != nil {
			return err
		}
	}
	remake := o.Ledger
	if n.ledger && !remake {
		whole, err := ledgerFits(ctx, cfg, log)
		if err != nil {
			return err
		}
		remake = !whole
	}
	if remake {
		if err := restoreLedger(ctx, cfg, log, tell); err != nil {
			return err
		}
	}
	if err := recordLosses(ctx, cfg, log, tell); err != nil {
		return err
	}
	if err := repairFiles(ctx, cfg, log, tell); err != nil {
		return err
	}
	return catchUp(ctx, cfg, log, tell)
}

// restoreLedger makes the ledger again and tells of what.
func restoreLedger(ctx context.Context, cfg config.Config, log *slog.Logger, tell func(string)) error {
	done, err := RestoreLedger(ctx, cfg, log)
	if err != nil {
		return err
	}
	tell(fmt.Sprintf("ledger: made again from %d files: %d unique, %d duplicate, %d quarantined; %d records of the stream are read again",
		done.Files, done.Unique, done.Duplicate, done.Quarantined, done.Again))
	if done.Unplaced > 0 {
		tell(fmt.Sprintf("ledger: %d of the duplicates are booked without type, in the hour where the stream begins", done.Unplaced))
	}
	if done.Missing > 0 {
		tell(fmt.Sprintf("ledger: %d rows of tables are in no raw file and are booked as duplicates; they stay, and copies of them are looked for in the tables. lake verify names the days", done.Missing))
	}
	if n := len(done.Unused); n > 0 {
		tell(fmt.Sprintf("ledger: %d files are no data (merged, written anew, or left by a crash) and will be removed later", n))
	}
	for _, key := range done.Strange {
		tell(fmt.Sprintf("ledger: left alone, not a file of the lake: %s", key))
	}
	return nil
}

// repairStream makes every shard readable, and as long as what others have
// read of it. What may be lost for good is recorded before anything is changed.
func repairStream(ctx context.Context, cfg config.Config, log *slog.Logger, tell func(string)) error {
	dir := filepath.Join(cfg.Data, streamDir)
	known, err := knownOf(ctx, cfg, log)
	if err != nil {
		return err
	}
	known.EndLost = func(id lake.ShardID, after lake.Position) error {
		added, err := noteEndLost(cfg.Data, id, after)
		if added {
			tell(fmt.Sprintf("stream: the end of %s is gone: how many records followed position %s, if any, nothing tells; recorded in %s", id, after, lossesName))
		}
		return err
	}
	done, err := stream.Repair(ctx, disk.OS{}, dir, known)
	if err != nil {
		return err
	}
	for _, path := range done.Segments {
		tell("stream: written anew: " + path)
	}
	for id, spans := range done.Lost {
		for _, lost := range spans {
			what := ""
			if known.Decided != nil && !lost.To.After(known.Decided[id]) {
				what = "; all of them were ingested before: nothing is lost"
			}
			tell(fmt.Sprintf("stream: %s positions %s are marked as missing%s", id, lost, what))
		}
	}
	return nil
}

// knownOf is how far tables, raw and quarantine files and, when it can be read,
// the ledger have read the stream.
func knownOf(ctx context.Context, cfg config.Config, log *slog.Logger) (out stream.Known, err error) {
	out = stream.Known{Read: map[lake.ShardID]lake.Position{}, Shards: cfg.Stream.Shards}
	further := func(m map[lake.ShardID]lake.Position) {
		for id, p := range m {
			if p.After(out.Read[id]) {
				out.Read[id] = p
			}
		}
	}
	files, _, err := findFiles(ctx, store.New(disk.OS{}, cfg.Data))
	if err != nil {
		return out, err
	}
	for _, f := range files {
		further(map[lake.ShardID]lake.Position{f.Shard: f.Span.To})
	}
	c, err := catalog.Open(ctx, cfg.Data, catalog.Options{Logger: log})
	if err != nil {
		return out, err
	}
	defer func() { err = errors.Join(err, c.Close()) }()
	tables, err := consumed(ctx, c)
	if err != nil {
		return out, err
	}
	for _, m := range tables {
		further(m)
	}
	if l, err := openLedger(ctx, cfg, log); err == nil { // a damaged one says nothing
		positions, err := positionsOf(ctx, l)
		if err = errors.Join(err, l.Close()); err != nil {
			return out, err
		}
		further(positions)
		// One that was deleted opens as a new one, which has decided nothing.
		if whole := len(positions) > 0 || len(files) == 0; whole && len(disagreements(positions, tables)) == 0 {
			out.Decided = positions
		}
	}
	return out, nil
}

func openLedger(ctx context.Context, cfg config.Config, log *slog.Logger) (*ledger.Ledger, error) {
	return ledger.Open(ctx, disk.OS{}, filepath.Join(cfg.Data, ledgerDir), ledger.Options{
		TTL: cfg.Claims.TTL, HotBytes: int64(cfg.Claims.Memory), Logger: log,
	})
}

func positionsOf(ctx context.Context, l lake.Ledger) (map[lake.ShardID]lake.Position, error) {
	journal, err := l.Journal(ctx)
	if err != nil {
		return nil, err
	}
	return journal.Positions(), nil
}

// ledgerFits reports whether the ledger is whole and knows all that the tables
// have taken in: then mending the stream was enough.
func ledgerFits(ctx context.Context, cfg config.Config, log *slog.Logger) (bool, error) {
	e := newExamination(cfg, log)
	var c, l PartHealth
	if err := e.catalog(ctx, &c); err != nil {
		return false, err
	}
	err := e.ledger(ctx, &l)
	return !l.needs.ledger, err
}
