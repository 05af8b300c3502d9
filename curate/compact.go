package curate

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/eventlake/lake"
)

// CompactOptions say what to compact.
type CompactOptions struct {
	Table lake.TableName // "" is every table
	Full  bool           // every day that is not one sorted run of large files, not only days with many small files
	Steps int            // at most so many days; 0 is all that are due
}

// CompactReport is what Compact did.
type CompactReport struct {
	Days    int   `json:"days"` // days of tables that were rewritten
	Removed int   `json:"removed"`
	Added   int   `json:"added"`
	Rows    int64 `json:"rows"`
	Before  int64 `json:"bytes_before"`
	After   int64 `json:"bytes_after"`
}

// Compact merges the small files of a day into files of Limits.FileBytes,
// sorted by created_datetime, one table commit a day. On the way there, files of
// thousands of rows are first put together as they are. It adds and drops no
// row: counts and ids are compared before each commit. A table that fails does
// not keep the others from being compacted.
func (c *Curator) Compact(ctx context.Context, o CompactOptions) (CompactReport, error) {
	c.compacting.Lock()
	defer c.compacting.Unlock()
	var report CompactReport
	names, err := c.tableNames(ctx, o.Table)
	if err != nil {
		return report, err
	}
	var errs []error
	for _, name := range names {
		if err := c.compactTable(ctx, name, o, &report); err != nil {
			if ctx.Err() != nil {
				return report, ctx.Err()
			}
			errs = append(errs, fmt.Errorf("compact table %s: %w", name, err))
		}
		if o.Steps > 0 && report.Days >= o.Steps {
			break
		}
	}
	return report, errors.Join(errs...)
}

// CompactDue reports whether Compact without Full has something to do.
func (c *Curator) CompactDue(ctx context.Context) (bool, error) {
	names, err := c.tableNames(ctx, "")
	if err != nil {
		return false, err
	}
	for _, name := range names {
		t, err := c.table(ctx, name)
		if err != nil {
			return false, err
		}
		if len(dueDays(t.Files, c.config.Limits, false)) > 0 {
			return true, nil
		}
	}
	return false, nil
}

func (c *Curator) tableNames(ctx context.Context, only lake.TableName) ([]lake.TableName, error) {
	if only != "" {
		return []lake.TableName{only}, nil
	}
	names, err := c.config.Catalog.Tables(ctx)
	if err != nil {
		return nil, fmt.Errorf("tables: %w", err)
	}
	return names, nil
}

func (c *Curator) compactTable(ctx context.Context, name lake.TableName, o CompactOptions, report *CompactReport) error {
	t, err := c.table(ctx, name)
	if err != nil {
		return err
	}
	if t.Snapshot == 0 && o.Table != "" {
		return lake.Errorf(lake.ErrNotFound, "see: lake tables", "table %s", name)
	}
	for _, group := range dueDays(t.Files, c.config.Limits, o.Full) {
		if o.Steps > 0 && report.Days >= o.Steps {
			return nil
		}
		if err := c.compactDay(ctx, name, group, o.Full, report); err != nil {
			return fmt.Errorf("day %s: %w", group[0].Day, err)
		}
	}
	return nil
}

// dueDays returns, for each day that is due, the files to merge.
func dueDays(files []lake.DataFile, l Limits, full bool) [][]lake.DataFile {
	days := byDay(files)
	var out [][]lake.DataFile
	for _, day := range sortedKeys(days) {
		group := days[day]
		if full {
			group = fullGroup(group, l)
		} else {
			group = smallGroup(group, l)
		}
		if len(group) > 0 {
			out = append(out, group)
		}
	}
	return out
}

// fullGroup is the whole day unless it is as good as it can get: sorted files
// of which at most one is small.
func fullGroup(files []lake.DataFile, l Limits) []lake.DataFile {
	small := 0
	for _, f := range files {
		if !isSorted(f) {
			return files
		}
		if f.Bytes < l.FileBytes/2 {
			small++
		}
	}
	if small > 1 {
		return files
	}
	return nil
}

// smallGroup picks small files of a day to merge. Files of about as many rows
// make a tier, and a tier is merged when it has SmallFiles of them: what comes
// out belongs to a higher tier, so a row is rewritten once a tier, some two or
// three times on the way to a large file (size-tiered compaction, as in
// log-structured merge trees). Files in several tiers that are not due can be
// many together; then the smallest are merged, as many as are not dwarfed by
// the next, so that a day never keeps twice SmallFiles.
func smallGroup(files []lake.DataFile, l Limits) []lake.DataFile {
	var small []lake.DataFile
	for _, f := range files {
		if f.Bytes < l.FileBytes/2 {
			small = append(small, f)
		}
	}
	slices.SortFunc(small, func(a, b lake.DataFile) int {
		return cmp.Or(cmp.Compare(a.Rows, b.Rows), cmp.Compare(a.Key, b.Key))
	})
	for from, to := 0, 0; from < len(small); from = to {
		of := tier(small[from].Rows, l.SmallFiles)
		for to < len(small) && tier(small[to].Rows, l.SmallFiles) == of {
			to++
		}
		if to-from >= l.SmallFiles {
			return upTo(small[from:to], l.FileBytes)
		}
	}
	if len(small) < 2*l.SmallFiles {
		return nil
	}
	sum := int64(0)
	for i, f := range small {
		if i >= l.SmallFiles && f.Rows > 2*sum {
			return upTo(small[:i], l.FileBytes)
		}
		sum += f.Rows
	}
	return upTo(small, l.FileBytes)
}

// tier is how often rows can be divided by base.
func tier(rows int64, base int) int {
	n := 0
	for ; rows >= int64(base); rows /= int64(base) {
		n++
	}
	return n
}

// upTo is the beginning of the files that makes one file of this size, two
// files at least.
func upTo(files []lake.DataFile, bytes int64) []lake.DataFile {
	sum := int64(0)
	for i, f := range files {
		if sum > bytes && i >= 2 {
			return files[:i]
		}
		sum += f.Bytes
	}
	return files
}

func isSorted(f lake.DataFile) bool {
	_, name, _ := cutLast(string(f.Key), "/")
	return strings.HasPrefix(name, sortedPrefix)
}

func cutLast(s, sep string) (before, after string, found bool) {
	if i := strings.LastIndex(s, sep); i >= 0 {
		return s[:i], s[i+len(sep):], true
	}
	return "", s, false
}

// compactDay rewrites the files and then swaps them in. The table may move on
// while files are rewritten: the commit is made on its state at the end, and
// only when that still has the files.
func (c *Curator) compactDay(ctx context.Context, name lake.TableName, files []lake.DataFile, sorted bool, report *CompactReport) error {
	t, err := c.table(ctx, name)
	if err != nil {
		return err
	}
	m, err := newMerger(c.config, c.mergeEnc, c.filters, t, files, sorted)
	if err != nil {
		return err
	}
	if err := m.run(ctx); err != nil {
		return errors.Join(err, m.discard(ctx))
	}
	swapped, err := c.swap(ctx, name, files, m)
	if err != nil || !swapped {
		return err
	}
	report.Days++
	report.Removed += len(files)
	report.Added += len(m.added)
	for _, f := range files {
		report.Rows += f.Rows
		report.Before += f.Bytes
	}
	for _, f := range m.added {
		report.After += f.Bytes
	}
	c.metrics.commits.WithLabelValues(string(name), "compact").Inc()
	c.metrics.compacted.WithLabelValues(string(name)).Add(float64(len(files)))
	return nil
}

// swap commits the merged files in place of the old ones. False: someone else
// replaced the old ones meanwhile, and there is nothing left to do.
func (c *Curator) swap(ctx context.Context, name lake.TableName, files []lake.DataFile, m *merger) (bool, error) {
	unlock, err := c.lock(ctx, name)
	if err != nil {
		return false, err
	}
	defer unlock()
	for try := 1; ; try++ {
		t, err := c.table(ctx, name)
		if err != nil {
			return false, err
		}
		if !hasAll(t.Files, files) {
			return false, m.discard(ctx)
		}
		s, err := summary("compact", t, LateDuplicates{}, nil)
		if err != nil {
			return false, errors.Join(err, m.discard(ctx))
		}
		next, err := c.config.Catalog.Commit(ctx, lake.TableCommit{
			Table: name, Base: t.Snapshot, Schema: t.Schema, Add: m.added, Remove: files, Summary: s,
		})
		if err == nil {
			c.remember(next)
			return true, nil
		}
		c.forget(name)
		switch {
		case !errors.Is(err, lake.ErrStale): // the outcome is not known, so the files stay
			return false, fmt.Errorf("commit: %w", err)
		case try == staleTries:
			return false, errors.Join(fmt.Errorf("commit: %w", err), m.discard(ctx))
		}
	}
}

func hasAll(have, want []lake.DataFile) bool {
	keys := map[lake.Key]bool{}
	for _, f := range have {
		keys[f.Key] = true
	}
	for _, f := range want {
		if !keys[f.Key] {
			return false
		}
	}
	return true
}
