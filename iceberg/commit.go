package iceberg

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"path"
	"slices"
	"strings"

	"github.com/apache/iceberg-go/table"

	"github.com/eventlake/lake"
)

// Commit implements lake.Catalog. The data files must be durable and are looked
// up, not read. Summary["operation"] = "replace" says that added files hold the
// same rows as the removed ones. Errors: lake.ErrStale, lake.ErrInvalid (a
// schema or file that cannot be taken), lake.ErrFull; any other error leaves
// open whether the commit happened: ask Table.
func (c *Catalog) Commit(ctx context.Context, tc lake.TableCommit) (lake.Table, error) {
	if err := checkCommit(tc); err != nil {
		return lake.Table{}, fmt.Errorf("commit to table %s: %w", tc.Table, err)
	}
	defer c.lock(tc.Table)()
	st, err := c.commit(ctx, tc)
	if err != nil {
		return lake.Table{}, fmt.Errorf("commit to table %s on snapshot %d: %w", tc.Table, tc.Base, err)
	}
	return st.public(), nil
}

func (c *Catalog) commit(ctx context.Context, tc lake.TableCommit) (*state, error) {
	for range attempts {
		old, err := c.current(ctx, tc.Table)
		if errors.Is(err, lake.ErrNotFound) {
			old, err = nil, nil
		}
		if err != nil {
			return nil, err
		}
		var now lake.SnapshotID
		if old != nil {
			now = old.table.Snapshot
		}
		if now != tc.Base {
			return nil, fmt.Errorf("the snapshot is %d: %w", now, lake.ErrStale)
		}
		err = c.each(ctx, len(tc.Add), func(ctx context.Context, i int) error { return c.checkFile(ctx, tc.Add[i]) })
		if err != nil {
			return nil, err
		}
		p, err := c.plan(ctx, old, tc)
		if err != nil {
			return nil, c.damaged(err)
		}
		won, err := c.publish(ctx, p)
		if err != nil {
			return nil, err
		}
		if won {
			return p.next, nil
		}
		// The pointer moved. Unless the snapshot did too (then the next round says
		// so), another process only tidied up: plan again on what it left.
	}
	return nil, fmt.Errorf("another process kept changing the table: %w", lake.ErrStale)
}

// checkCommit refuses what can be seen to be wrong without the table.
func checkCommit(tc lake.TableCommit) error {
	if !ValidName(tc.Table) {
		return lake.Errorf(lake.ErrInvalid, "use a-z, 0-9 and '_', at most 128 characters, not starting with a digit", "table name %q", string(tc.Table))
	}
	if err := checkSchema(tc.Schema); err != nil {
		return err
	}
	dir := string(Location(tc.Table)) + "/"
	seen := make(map[lake.Key]bool, len(tc.Add)+len(tc.Remove))
	for _, f := range slices.Concat(tc.Add, tc.Remove) {
		k := string(f.Key)
		if !strings.HasPrefix(k, dir) || path.Clean(k) != k {
			return lake.Errorf(lake.ErrInvalid, "", "data file %s does not lie below %s", k, dir)
		}
		if seen[f.Key] {
			return lake.Errorf(lake.ErrInvalid, "", "data file %s is named twice", k)
		}
		seen[f.Key] = true
	}
	return nil
}

// ValidName reports whether a table may have the name.
func ValidName(n lake.TableName) bool {
	if n == "" || n == lake.EventsView || len(n) > 128 || n[0] >= '0' && n[0] <= '9' {
		return false
	}
	for _, b := range []byte(n) {
		if (b < 'a' || b > 'z') && (b < '0' || b > '9') && b != '_' {
			return false
		}
	}
	return true
}

// plan works out the next state and the files that it needs, writing nothing.
// old is nil for a new table.
func (c *Catalog) plan(ctx context.Context, old *state, tc lake.TableCommit) (*staged, error) {
	schema, extra, err := toIceberg(tc.Schema)
	if err != nil {
		return nil, err
	}
	location := c.root.uri(Location(tc.Table))
	if old == nil {
		m, err := fresh(location, schema, c.clock().Time().UnixMilli())
		if err != nil {
			return nil, fmt.Errorf("new table: %w", err)
		}
		old = &state{meta: m, table: lake.Table{Name: tc.Table, Location: Location(tc.Table), Schema: tc.Schema}}
	}
	if err := checkSpec(tc.Table, old.meta); err != nil {
		return nil, err
	}
	if err := checkEvolution(old.table.Schema, tc.Schema, len(tc.Remove) < len(old.table.Files)); err != nil {
		return nil, err
	}
	b, err := table.MetadataBuilderFromBase(old.meta, old.uri)
	if err != nil {
		return nil, err
	}
	props := old.meta.Properties()
	if err := setColumns(b, schema, extra, props); err != nil {
		return nil, fmt.Errorf("schema: %w: %w", lake.ErrInvalid, err)
	}
	if old.moved {
		if err := b.SetLoc(location); err != nil {
			return nil, err
		}
	}
	s := &snapshot{c: c, commit: tc, old: old, stage: c.newStage(tc.Table, old.uri)}
	s.w = writer{schema: b.CurrentSchema(), spec: old.meta.PartitionSpec(), snapshot: rand.Int64N(1<<62) + 1, sequence: old.meta.LastSequenceNumber() + 1}
	if err := s.build(ctx); err != nil {
		return nil, err
	}
	snap, err := s.describe()
	if err != nil {
		return nil, err
	}
	if err := setProperty(b, props, consumedProperty, snap.Summary.Properties[consumedProperty]); err != nil {
		return nil, err
	}
	if err := b.AddSnapshot(&snap); err != nil {
		return nil, err
	}
	if err := b.SetSnapshotRef(table.MainBranch, snap.SnapshotID, table.BranchRef); err != nil {
		return nil, err
	}
	gone := outdated(old, snap)
	if err := s.stage.tell(old.meta, gone, snap.TimestampMs); err != nil {
		return nil, err
	}
	if err := forget(b, old.meta, gone); err != nil {
		return nil, err
	}
	if err := s.stage.metadata(b, old.meta); err != nil {
		return nil, err
	}
	s.stage.snapshot = snap.SnapshotID
	s.stage.next = &state{uri: s.stage.to, meta: s.stage.meta, manifests: s.manifests, table: lake.Table{
		Name: tc.Table, Schema: tc.Schema.Clone(), Snapshot: lake.SnapshotID(snap.SnapshotID), Time: lake.Instant(snap.TimestampMs * 1000),
		Consumed: s.consumed, Summary: ownSummary(&snap), Files: s.files, Location: Location(tc.Table),
	}}
	return s.stage, nil
}

// outdated lists the snapshots that the commit of snap forgets. Of a table that
// was moved none stays: their manifests name the old place.
func outdated(old *state, snap table.Snapshot) []int64 {
	all := old.meta.Snapshots()
	if old.moved {
		ids := make([]int64, len(all))
		for i, s := range all {
			ids[i] = s.SnapshotID
		}
		return ids
	}
	if len(all) < historyMin {
		return nil
	}
	ids := expired(old.meta, int64(old.table.Snapshot), snap.TimestampMs-millis(historyGrace))
	if len(ids) < len(all)/historyPart {
		return nil
	}
	return ids
}
