package assemble

import (
	"context"
	"errors"
	"fmt"

	"golang.org/x/sync/errgroup"
)

// Run works until the context ends or a stage cannot go on: ingest on every
// shard, curate, and upkeep. What was taken is committed before it returns.
func (l *Local) Run(ctx context.Context) error {
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
