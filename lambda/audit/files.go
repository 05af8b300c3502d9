package audit

import (
	"context"
	"errors"
	"fmt"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/curate"
)

// dataFiles sees that every data file of a table is there and as long as the
// catalog says. Those that were written lately are read whole: nobody can change
// an object without writing it, so every file has been read whole since it was
// written last, by one audit or another.
func (a *auditor) dataFiles(ctx context.Context, name lake.TableName, f *finding) error {
	t, err := a.Catalog.Table(ctx, name)
	if errors.Is(err, lake.ErrNotFound) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("table %s: %w", name, err)
	}
	there := map[lake.Key]lake.Info{}
	for info, err := range a.Store.List(ctx, t.Location+"/") {
		if err != nil {
			return fmt.Errorf("list the files of table %s: %w", name, err)
		}
		there[info.Key] = info
	}
	var gone, lately []lake.DataFile
	for _, file := range t.Files {
		info, ok := there[file.Key]
		switch {
		case !ok:
			gone = append(gone, file)
		case info.Bytes != file.Bytes:
			a.name(f, file, fmt.Sprintf("%d bytes, the catalog says %d", info.Bytes, file.Bytes))
		case a.lately(info.Time):
			lately = append(lately, file)
		}
	}
	f.DataFiles, f.Verified = len(t.Files), len(lately)
	errs := make([]error, len(lately))
	err = a.each(ctx, len(lately), func(ctx context.Context, i int) error {
		errs[i] = curate.Whole(ctx, a.Store, lately[i])
		return ctx.Err()
	})
	if err != nil {
		return err
	}
	for i, file := range lately {
		if errors.Is(errs[i], lake.ErrNotFound) {
			gone = append(gone, file)
		} else if errs[i] != nil {
			a.name(f, file, file.Key.Reason(errs[i]))
		}
	}
	return a.nameGone(ctx, name, gone, f)
}

// lately reports whether an object that was written then is one that this audit
// reads whole. Scheduled audits each have an hour of their own: that of the
// schedule, behind the hours that are audited.
func (a *auditor) lately(written lake.Instant) bool {
	if a.scheduled {
		return written >= a.report.From.Add(a.Settle) && written < a.report.To.Add(a.Settle)
	}
	return written >= a.report.From
}

// nameGone names those of the files that the table still has: while they were
// looked for, others may have taken their place.
func (a *auditor) nameGone(ctx context.Context, name lake.TableName, gone []lake.DataFile, f *finding) error {
	if len(gone) == 0 {
		return nil
	}
	t, err := a.Catalog.Table(ctx, name)
	if err != nil && !errors.Is(err, lake.ErrNotFound) {
		return fmt.Errorf("table %s: %w", name, err)
	}
	has := map[lake.Key]bool{}
	for _, file := range t.Files {
		has[file.Key] = true
	}
	for _, file := range gone {
		if has[file.Key] {
			a.name(f, file, "it is gone")
		}
	}
	return nil
}

// name tells of a data file once a call.
func (a *auditor) name(f *finding, file lake.DataFile, reason string) {
	if !a.named[file.Key] {
		a.named[file.Key] = true
		f.problem("data file %s cannot be read: %s", file.Key, reason)
	}
}
