package assemble

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"
)

// lastSweep bounds how long Run goes on for the raw files that nobody needs.
const lastSweep = 10 * time.Second

// Run works until the context ends or a stage cannot go on: ingest on every
// shard, curate, and upkeep. What was taken is committed before it returns, and
// then the raw files on disk are those that count.
func (l *Local) Run(ctx context.Context) error {
	if err := l.warnMoved(ctx); err != nil {
		return err
	}
	if err := l.sweepStill(ctx, sweepGrace); err != nil && ctx.Err() == nil {
		l.Log.Warn("cannot delete what a killed process left; the files do no harm here", "error", err)
	}
	if err := l.run(ctx); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastSweep)
	defer cancel()
	if err := l.sweepStill(ctx, 0); err != nil {
		l.Log.Warn("cannot delete raw files that were merged; the next run will", "error", err)
	}
	return nil
}

func (l *Local) run(ctx context.Context) error {
	workers, err := l.Workers(ctx)
	if err != nil {
		return err
	}
	g, ctx := errgroup.WithContext(ctx)
	for _, w := range workers {
		g.Go(func() error { return w.Run(ctx) })
	}
	g.Go(func() error { return stage(ctx, "curate", l.Curator.Run(ctx)) })
	g.Go(func() error { return stage(ctx, "upkeep", l.runUpkeep(ctx)) })
	return g.Wait()
}

// stage names a stage's failure; ending because the context ended is none.
func stage(ctx context.Context, name string, err error) error {
	if err == nil || (ctx.Err() != nil && errors.Is(err, ctx.Err())) {
		return nil
	}
	return fmt.Errorf("%s: %w", name, err)
}

// warnMoved says when the directory was moved or copied and its tables name the
// old place still.
func (l *Local) warnMoved(ctx context.Context) error {
	elsewhere, err := l.Catalog.Elsewhere(ctx, l.Config.Data)
	if err != nil || len(elsewhere) == 0 {
		return err
	}
	l.Log.Warn("the data directory was moved or copied: "+movedNotice(elsewhere),
		"hint", "a table names its new place with its next commit; all do after: lake doctor --repair, with the lake stopped")
	return nil
}
