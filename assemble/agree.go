package assemble

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/eventlake/lake"
)

// consumedBy is how far each table has taken in each shard.
type consumedBy map[lake.TableName]map[lake.ShardID]lake.Position

// consumed reads how far each table is.
func consumed(ctx context.Context, c lake.Catalog) (consumedBy, error) {
	names, err := c.Tables(ctx)
	if err != nil {
		return nil, err
	}
	out := consumedBy{}
	for _, name := range names {
		t, err := c.Table(ctx, name)
		if err != nil {
			return nil, err
		}
		out[name] = t.Consumed
	}
	return out, nil
}

// agree refuses parts that do not belong together, as after a restore of some
// of them: going on would take events in twice, use positions again, or leave
// events out of a table.
func (l *Local) agree(ctx context.Context) error {
	const hint = "the directory's parts are of different times: restore them together from one back-up, or run: lake doctor"
	journal, err := l.Ledger.Journal(ctx)
	if err != nil {
		return err
	}
	at := journal.Positions()
	tables, err := consumed(ctx, l.Catalog)
	if errors.Is(err, lake.ErrCorrupt) { // curate tells which; the other tables go on
		l.Log.Warn("a table cannot be read, so the parts are not compared", "error", err, "hint", lake.Hint(err))
	} else if err != nil {
		return err
	}
	if why := disagreements(at, tables); len(why) > 0 {
		return lake.Errorf(lake.ErrCorrupt, hint, "%s", why[0])
	}
	if tables != nil {
		curated, err := l.Ledger.Curated(ctx)
		if err != nil {
			return err
		}
		if late := behind(journal, curated, tables, nil); len(late) > 0 {
			return lake.Errorf(lake.ErrCorrupt, hint, "%s", late[0])
		}
	}
	shards, err := l.Stream.Shards(ctx)
	if err != nil {
		return err
	}
	for id := range at {
		if !slices.ContainsFunc(shards, func(s lake.Shard) bool { return s.ID == id }) {
			return lake.Errorf(lake.ErrCorrupt, hint, "the ledger has decided %s up to position %s, but the stream has no such shard", id, at[id])
		}
	}
	for _, s := range shards {
		if at[s.ID].After(s.Last) {
			return lake.Errorf(lake.ErrCorrupt, hint, "the ledger has decided %s up to position %s, but the stream ends at %s", s.ID, at[s.ID], s.Last)
		}
		if s.Trimmed.After(at[s.ID]) {
			return lake.Errorf(lake.ErrCorrupt, hint, "the stream of %s begins after position %s, but the ledger is at %s", s.ID, s.Trimmed, at[s.ID])
		}
	}
	return nil
}

// disagreements are the places where tables have taken in more than a ledger
// knows: it is not the ledger of these tables, or an older copy.
func disagreements(at map[lake.ShardID]lake.Position, tables consumedBy) (out []string) {
	for name, consumed := range tables {
		for id, p := range consumed {
			if p.After(at[id]) {
				out = append(out, fmt.Sprintf("table %s has taken in %s up to position %s, but the ledger is at %s", name, id, p, at[id]))
			}
		}
	}
	return out
}

// lateTable is a table that does not have what the ledger marks as taken in:
// its metadata was lost, went back, or is an older copy.
type lateTable struct {
	name  lake.TableName
	files []lake.File // in commit order
}

// String says what is missing.
func (t lateTable) String() string {
	var events int64
	for _, f := range t.files {
		events += f.Events
	}
	return fmt.Sprintf("table %s misses %d raw files with %d events that it had taken in once", t.name, len(t.files), events)
}

// behind finds the tables, sorted by name, that miss raw files below the
// curated mark. Nobody would take these in any more.
func behind(j lake.Journal, curated map[lake.ShardID]lake.Position, tables consumedBy, unread map[lake.TableName]bool) []lateTable {
	missing := map[lake.TableName][]lake.File{}
	for f := range j.Files(lake.KindRaw) {
		name := f.Partition.Table()
		if !unread[name] && f.Span.To.After(tables[name][f.Shard]) && !f.Span.To.After(curated[f.Shard]) {
			missing[name] = append(missing[name], f)
		}
	}
	out := make([]lateTable, 0, len(missing))
	for name, files := range missing {
		out = append(out, lateTable{name, files})
	}
	slices.SortFunc(out, func(a, b lateTable) int { return cmp.Compare(a.name, b.name) })
	return out
}
