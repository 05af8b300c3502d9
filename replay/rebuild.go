package replay

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/curate"
)

// Rebuilder makes tables again from raw, with today's rules.
type Rebuilder struct {
	Ledger  lake.Ledger
	Catalog lake.Catalog
	Build   curate.BuildConfig // Store, Lines, Limits and LateAfter; the rest is filled in
	// Exclusive keeps every other writer off a table until release is called.
	Exclusive func(context.Context, lake.TableName) (release func(), err error)
}

// RebuildOptions choose what is rebuilt.
type RebuildOptions struct {
	Table  lake.TableName `json:"table,omitempty"` // "" is every table
	From   *lake.Day      `json:"from,omitempty"`  // first day; nil is all before To
	To     *lake.Day      `json:"to,omitempty"`    // day after the last; nil is all after From
	DryRun bool           `json:"dry_run,omitempty"`
	// Force swaps the files of tables without a difference too. It is for files
	// that are right but not as they would be written today.
	Force bool `json:"force,omitempty"`
	// DropMissing swaps tables also when raw does not have all of their rows; these
	// are then gone.
	DropMissing bool `json:"drop_missing,omitempty"`
}

// Validate returns ErrInvalid when no day is meant.
func (o RebuildOptions) Validate() error {
	if o.From != nil && o.To != nil && *o.To <= *o.From {
		return nothingBetween(*o.From, *o.To)
	}
	return nil
}

func (o RebuildOptions) whole() bool { return o.From == nil && o.To == nil }

func (o RebuildOptions) holds(d lake.Day) bool {
	return within(d, d, o.From, o.To)
}

// Rebuilt is what happened to one table.
type Rebuilt struct {
	Table      lake.TableName    `json:"table"`
	Difference curate.Difference `json:"difference"`
	// Unreadable are the old files that could not be compared: they are missing
	// or damaged, and the rows from raw take their place.
	Unreadable []Unreadable `json:"unreadable"`
	RawFiles   int          `json:"raw_files"`
	Rows       int64        `json:"rows"` // of the rebuilt part
	Swapped    bool         `json:"swapped"`
	// Since is the rows that came in while the table was rebuilt.
	Since    int64           `json:"rows_since"`
	Snapshot lake.SnapshotID `json:"snapshot"` // after the swap
}

// Same reports whether the table was as raw makes it: every old file could be
// read, to its checksum, and nothing differs.
func (out *Rebuilt) Same() bool { return out.Difference.Same() && len(out.Unreadable) == 0 }

// Unreadable is a data file of the table that cannot be read.
type Unreadable struct {
	File lake.DataFile `json:"file"`
	Why  string        `json:"why"`
}

// staleTries is how often a swap that lost to another writer is done again.
const staleTries = 10

// Tables lists the tables that the options choose. ErrInvalid when these are not
// valid, ErrNotFound when there is no such table.
func (r *Rebuilder) Tables(ctx context.Context, o RebuildOptions) ([]lake.TableName, error) {
	if err := o.Validate(); err != nil {
		return nil, err
	}
	all, err := r.Catalog.Tables(ctx)
	if err != nil || o.Table == "" {
		return all, err
	}
	if !slices.Contains(all, o.Table) {
		return nil, lake.Errorf(lake.ErrNotFound, "see: lake tables", "table %s", o.Table)
	}
	return []lake.TableName{o.Table}, nil
}

// schemaTries is how often a table is built when its columns change meanwhile.
const schemaTries = 3

// Table rebuilds one table: on the side up to what the table has consumed; then
// show is told the difference; then, with every other writer kept off, what
// came in meanwhile is added and one table commit swaps the files; a table that
// is as raw makes it stays as it is, unless Force is set, and one with rows that
// raw does not have is lake.ErrCorrupt, unless DropMissing is set. The lake goes
// on ingesting all the time. When the table's columns changed meanwhile it is built
// again, the last time with every other writer kept off from the start; show is
// then told the difference again if it is another one. A crash at any point
// leaves the old table or the new one; side files that no snapshot names are
// removed by maintenance. Old data files need not be readable.
func (r *Rebuilder) Table(ctx context.Context, name lake.TableName, o RebuildOptions, show func(Rebuilt), progress func(done, total int)) (out Rebuilt, err error) {
	one := *r
	once := show
	if show != nil {
		var shown *Rebuilt
		once = func(b Rebuilt) {
			if shown == nil || !reflect.DeepEqual(shown.Difference, b.Difference) || !reflect.DeepEqual(shown.Unreadable, b.Unreadable) {
				show(b)
			}
			shown = &b
		}
	}
	for try := 1; try <= schemaTries; try++ {
		if try == schemaTries {
			release, err := r.Exclusive(ctx, name)
			if err != nil {
				return out, fmt.Errorf("rebuild %s: %w", name, err)
			}
			defer release()
			one.Exclusive = func(context.Context, lake.TableName) (func(), error) { return func() {}, nil }
		}
		var overtaken bool
		if out, overtaken, err = one.table(ctx, name, o, once, progress); err != nil || !overtaken {
			return out, err
		}
	}
	return out, lake.Errorf(lake.ErrStale, "run it again when no other engine changes the table's columns", "rebuild %s: its columns changed while it was built, %d times", name, schemaTries)
}

// table is one try of Table. It reports overtaken, having changed nothing, when
// the table's columns are not those any more that it built from.
func (r *Rebuilder) table(ctx context.Context, name lake.TableName, o RebuildOptions, show func(Rebuilt), progress func(done, total int)) (out Rebuilt, overtaken bool, err error) {
	out.Table = name
	base, err := r.Catalog.Table(ctx, name)
	if err != nil {
		return out, false, fmt.Errorf("rebuild %s: %w", name, err)
	}
	raws, err := r.rawFiles(ctx, name, o)
	if err != nil {
		return out, false, fmt.Errorf("rebuild %s: %w", name, err)
	}
	c := r.Build
	c.Table, c.Location, c.Files, c.Progress = name, base.Location, raws, progress
	c.Files = upTo(c.Files, base.Consumed)
	c.Upto, c.Keep, c.Grow = consumed(base), base.Schema, !o.whole()
	built, err := curate.Build(ctx, c)
	if err != nil {
		return out, false, fmt.Errorf("rebuild %s: %w", name, err)
	}
	keep := false
	defer func() {
		if !keep {
			err = errors.Join(err, built.Discard(context.WithoutCancel(ctx), c.Store))
		}
	}()
	out.RawFiles, out.Rows = len(c.Files), built.Rows
	if err := out.compare(ctx, c.Store, curate.Side{Schema: base.Schema, Files: o.inRange(base.Files)}, &built); err != nil {
		return out, false, fmt.Errorf("compare %s: %w", name, err)
	}
	if show != nil {
		show(out)
	}
	if o.DryRun || out.Same() && !o.Force {
		return out, false, nil
	}
	if err := out.missing(o.inRange(base.Files), built.Files); err != nil && !o.DropMissing {
		return out, false, err
	}
	for try := 1; ; try++ {
		keep, err = r.swap(ctx, name, o, c, &built, &out)
		if !errors.Is(err, lake.ErrStale) || try == staleTries {
			break // stale: a writer that Exclusive does not keep off was faster
		}
	}
	if errors.Is(err, errOvertaken) {
		return out, true, nil
	}
	if err != nil {
		return out, false, fmt.Errorf("swap %s: %w", name, err)
	}
	return out, false, nil
}

// compare fills in the difference. When the old files cannot all be read it
// finds out which, and compares the others.
func (out *Rebuilt) compare(ctx context.Context, store lake.Store, old curate.Side, built *curate.Built) (err error) {
	out.Unreadable = []Unreadable{}
	next := curate.Side{Schema: built.Schema, Files: built.Files}
	out.Difference, err = curate.Diff(ctx, store, old, next)
	if err == nil || ctx.Err() != nil {
		return err
	}
	var readable []lake.DataFile
	for _, f := range old.Files {
		why := unreadable(ctx, store, f)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if why == nil {
			readable = append(readable, f)
			continue
		}
		out.Unreadable = append(out.Unreadable, Unreadable{f, f.Key.Reason(why)})
	}
	if len(out.Unreadable) == 0 {
		return err // it was not for a file of the table
	}
	old.Files = readable
	out.Difference, err = curate.Diff(ctx, store, old, next)
	return err
}

// unreadable says why a data file cannot be read, nil when it can.
func unreadable(ctx context.Context, store lake.Store, f lake.DataFile) error {
	for _, err := range curate.Rows(ctx, store, f) {
		if err != nil {
			return err
		}
	}
	return nil
}

// errOvertaken says that the table's columns changed while it was built: its new
// columns and those of the build would have the same ids.
var errOvertaken = errors.New("the table's columns changed")

// swap adds what came in since built and commits. keep reports whether the
// built files belong to the table now, or may: after an unknown outcome they
// must not be deleted.
func (r *Rebuilder) swap(ctx context.Context, name lake.TableName, o RebuildOptions, c curate.BuildConfig, built *curate.Built, out *Rebuilt) (keep bool, err error) {
	release, err := r.Exclusive(ctx, name)
	if err != nil {
		return false, err
	}
	defer release()
	now, err := r.Catalog.Table(ctx, name)
	if err != nil {
		return false, err
	}
	// c.Keep is what the table had when it was built.
	if now.Schema.LastID != c.Keep.LastID || !now.Schema.Equal(&c.Keep) {
		return false, errOvertaken
	}
	if c.Files, err = r.rawFiles(ctx, name, o); err != nil {
		return false, err
	}
	c.Files = slices.DeleteFunc(upTo(c.Files, now.Consumed), func(f lake.File) bool { return !f.Span.To.After(c.Upto[f.Shard]) })
	c.After, c.Upto, c.Keep, c.Grow, c.Known = c.Upto, consumed(now), built.Schema, true, built.Files
	since, err := curate.Build(ctx, c)
	if err != nil {
		return false, err
	}
	out.Since = since.Rows
	all := built.Clone() // the swap may have to be done again
	all.Add(since)
	summary, err := rebuildSummary(now, all, o)
	if err != nil {
		return false, errors.Join(err, since.Discard(context.WithoutCancel(ctx), c.Store))
	}
	after, err := r.Catalog.Commit(ctx, lake.TableCommit{
		Table: name, Base: now.Snapshot, Schema: all.Schema,
		Add: all.Files, Remove: o.inRange(now.Files), Consumed: now.Consumed, Summary: summary,
	})
	if errors.Is(err, lake.ErrStale) {
		return false, errors.Join(err, since.Discard(context.WithoutCancel(ctx), c.Store))
	}
	if err != nil {
		return true, err
	}
	out.Swapped, out.Snapshot = true, after.Snapshot
	return true, nil
}

// rebuildSummary says in the snapshot what was done, and counts late
// duplicates and conflicts anew; a rebuild of some days keeps the table's counts.
func rebuildSummary(now lake.Table, all curate.Built, o RebuildOptions) (map[string]string, error) {
	summary, err := all.Summary("rebuild")
	if err != nil || o.whole() {
		return summary, err
	}
	for _, key := range []string{curate.SummaryLate, curate.SummaryConflicts} {
		if old, ok := now.Summary[key]; ok {
			summary[key] = old
		}
	}
	if o.From != nil {
		summary["lake.rebuild-from"] = o.From.String()
	}
	if o.To != nil {
		summary["lake.rebuild-to"] = o.To.String()
	}
	return summary, nil
}

// consumed is how far a table has taken in: nowhere when it has taken nothing,
// which is not the same as without a bound.
func consumed(t lake.Table) map[lake.ShardID]lake.Position {
	if t.Consumed == nil {
		return map[lake.ShardID]lake.Position{}
	}
	return t.Consumed
}

// upTo leaves out arrivals that the table has not consumed: their lines do not
// have the positions by which a build bounds what it takes in.
func upTo(files []lake.File, consumed map[lake.ShardID]lake.Position) []lake.File {
	return slices.DeleteFunc(files, func(f lake.File) bool { return !f.Vouched() && f.Span.To.After(consumed[f.Shard]) })
}

func (r *Rebuilder) rawFiles(ctx context.Context, name lake.TableName, o RebuildOptions) ([]lake.File, error) {
	journal, err := r.Ledger.Journal(ctx)
	if err != nil {
		return nil, err
	}
	var files []lake.File
	for f := range journal.Files(lake.KindRaw) {
		if f.Partition.Table() == name && o.holds(f.Partition.Day) {
			files = append(files, f)
		}
	}
	return files, nil
}

func (o RebuildOptions) inRange(files []lake.DataFile) []lake.DataFile {
	return slices.DeleteFunc(slices.Clone(files), func(f lake.DataFile) bool { return !o.holds(f.Day) })
}
