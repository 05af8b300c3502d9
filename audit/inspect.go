package audit

import (
	"context"
	"errors"

	"github.com/eventlake/lake"
)

// inspect has the lake's own files checked, and reads the data files that only
// older snapshots name.
func (a *auditor) inspect(ctx context.Context) error {
	if a.Inspect == nil {
		return nil
	}
	found, err := a.Inspect(ctx)
	if err != nil {
		return err
	}
	a.report.Metadata, a.report.Unknown = found.Metadata, found.Unknown
	for _, p := range found.Problems {
		a.report.problem(p.Where, "%s", p.What)
	}
	a.total += int64(len(found.Older))
	for _, f := range found.Older {
		if err := a.olderFile(ctx, f); err != nil {
			return err
		}
	}
	return nil
}

func (a *auditor) olderFile(ctx context.Context, f lake.DataFile) error {
	a.report.OlderFiles++
	for _, err := range a.Rows(ctx, f) {
		if err == nil {
			continue
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if !errors.Is(err, lake.ErrNotFound) {
			a.report.problem(string(f.Key), "%s; no current row is in it", f.Key.Reason(err))
		}
		break
	}
	a.progress(string(f.Key))
	return nil
}
