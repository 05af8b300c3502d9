package iceberg

import (
	"context"

	"golang.org/x/sync/errgroup"
)

// each calls do for 0..n-1, several at once where the catalog may, and returns
// the first error. After an error the rest is not begun.
func (c *Catalog) each(ctx context.Context, n int, do func(ctx context.Context, i int) error) error {
	if c.parallel == 1 || n == 1 {
		for i := range n {
			if err := do(ctx, i); err != nil {
				return err
			}
		}
		return nil
	}
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(c.parallel)
	for i := range n {
		g.Go(func() error {
			if err := ctx.Err(); err != nil {
				return err
			}
			return do(ctx, i)
		})
	}
	return g.Wait()
}
