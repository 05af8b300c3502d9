package assemble

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/assemble/curation"
	"github.com/eventlake/lake/config"
	"github.com/eventlake/lake/curate"
	"github.com/eventlake/lake/local/catalog"
	"github.com/eventlake/lake/local/disk"
	"github.com/eventlake/lake/local/store"
	"github.com/eventlake/lake/raw"
)

// repairCatalog makes every table readable where it lies.
func repairCatalog(ctx context.Context, cfg config.Config, log *slog.Logger, n needs, tell func(string)) (err error) {
	o := catalog.Options{Logger: log}
	if n.database {
		names, err := catalog.Recover(ctx, cfg.Data, o)
		if err != nil {
			return err
		}
		tell(fmt.Sprintf("catalog: made again with %d tables", len(names)))
	}
	c, err := catalog.Open(ctx, cfg.Data, o)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.Close()) }()
	mended, err := c.Mend(ctx)
	if err != nil {
		return err
	}
	for _, m := range mended {
		tell(fmt.Sprintf("catalog: table %s %s", m.Table, m.What))
	}
	if !n.relocate {
		return nil
	}
	moved, err := c.Relocate(ctx)
	if err != nil {
		return err
	}
	tell(fmt.Sprintf("catalog: %d tables name the place where they lie now", len(moved)))
	return nil
}

// catchUp takes raw files in again that tables have lost although the ledger
// marks them as taken in.
func catchUp(ctx context.Context, cfg config.Config, log *slog.Logger, tell func(string)) (err error) {
	l, err := openLedger(ctx, cfg, log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, l.Close()) }()
	c, err := catalog.Open(ctx, cfg.Data, catalog.Options{Logger: log})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.Close()) }()
	tables, err := consumed(ctx, c)
	if err != nil {
		return err
	}
	journal, err := l.Journal(ctx)
	if err != nil {
		return err
	}
	curated, err := l.Curated(ctx)
	if err != nil {
		return err
	}
	for _, t := range behind(journal, curated, tables, nil) {
		rows, err := takeIn(ctx, cfg, c, t)
		if err != nil {
			return fmt.Errorf("table %s: %w", t.name, err)
		}
		tell(fmt.Sprintf("catalog: table %s has %d rows more, from %d raw files", t.name, rows, len(t.files)))
	}
	return nil
}

// takeIn adds the events of a late table's raw files to it.
func takeIn(ctx context.Context, cfg config.Config, c lake.Catalog, late lateTable) (rows int64, err error) {
	t, err := c.Table(ctx, late.name)
	if err != nil && !errors.Is(err, lake.ErrNotFound) {
		return 0, err
	}
	s := store.New(disk.OS{}, cfg.Data)
	built, err := curate.Build(ctx, curate.BuildConfig{
		Store: s, Lines: raw.NewReader(s, nil), Limits: curation.Limits(cfg.Curate), // every event is compared
		Table: late.name, Location: t.Location, Files: late.files, After: t.Consumed,
		Keep: t.Schema, Grow: t.Snapshot != 0, Known: t.Files,
	})
	if err != nil {
		return 0, err
	}
	summary, err := built.Summary("append")
	if err == nil {
		for _, key := range []string{curate.SummaryLate, curate.SummaryConflicts} { // counted when these came first
			if old, ok := t.Summary[key]; ok {
				summary[key] = old
			}
		}
		_, err = c.Commit(ctx, lake.TableCommit{
			Table: late.name, Base: t.Snapshot, Schema: built.Schema, Add: built.Files, Consumed: built.Consumed, Summary: summary,
		})
	}
	if errors.Is(err, lake.ErrStale) { // certainly not committed
		err = errors.Join(err, built.Discard(context.WithoutCancel(ctx), s))
	}
	return built.Rows, err
}
