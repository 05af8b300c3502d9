package catalog

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/apache/iceberg-go/table"

	"github.com/eventlake/lake"
)

// Mended is what Mend did to a table.
type Mended struct {
	Table lake.TableName `json:"table"`
	What  string         `json:"what"`
}

// Mend makes every table readable whose metadata Check finds missing or
// damaged. Where only older states are harmed it forgets them. Else it goes
// back to the newest metadata that is whole; the table's consumed positions go
// back with it. Where there is none it takes the table out of the catalog and
// puts its directory aside as <table>.damaged: its raw files are then pending
// as those of a new table. The caller has to see that the raw files behind the
// consumed positions are taken in again. No other process may write tables
// meanwhile. A repeat finds nothing to do.
func (c *Catalog) Mend(ctx context.Context) ([]Mended, error) {
	names, err := c.Tables(ctx)
	if err != nil {
		return nil, err
	}
	var out []Mended
	for _, n := range names {
		var did []string
		for range 2 { // what it goes back to may have a harmed history too
			what, err := c.mend(ctx, n)
			if err != nil && !errors.Is(err, lake.ErrNotFound) {
				return out, fmt.Errorf("mend table %s: %w", n, err)
			}
			if what != "" {
				did = append(did, what)
			}
		}
		if len(did) > 0 {
			out = append(out, Mended{n, strings.Join(did, "; ")})
		}
	}
	return out, nil
}

func (c *Catalog) mend(ctx context.Context, name lake.TableName) (what string, err error) {
	done, err := c.check(ctx, name)
	if err != nil {
		return "", err
	}
	harmed := func(h Harm) bool {
		return slices.ContainsFunc(done.Problems, func(p Problem) bool { return p.Harm == h })
	}
	defer c.lock(name)()
	switch {
	case harmed(HarmCurrent):
		return c.goBack(ctx, name)
	case harmed(HarmHistory):
		return "older states are forgotten", c.forgetHistory(ctx, name)
	}
	return "", nil
}

// goBack moves the row to the newest metadata that is whole.
func (c *Catalog) goBack(ctx context.Context, name lake.TableName) (string, error) {
	from, err := c.rows.get(ctx, name)
	if err != nil {
		return "", err
	}
	to, err := c.newest(ctx, name)
	if err != nil {
		return "", err
	}
	if to != "" {
		won, err := c.rows.swap(ctx, move{name: name, from: from, to: to})
		if err == nil && !won {
			err = lake.ErrStale
		}
		return "is back at " + to, err
	}
	if _, ours := c.place.key(name, from); !ours {
		return "", lake.Errorf(lake.ErrInvalid, "move its files below the data directory, or drop it with the engine that made it", "table %s lies at %s", name, from)
	}
	ok, err := c.rows.hold(ctx, name, from, func(tx *sql.Tx) error { return c.rows.dropTable(ctx, tx, name) })
	if err == nil && !ok {
		err = lake.ErrStale
	}
	if err != nil {
		return "", err
	}
	aside, err := c.putAside(name)
	return "is taken out, none of its metadata is whole; its files are kept in " + aside, err
}

func (r *rows) dropTable(ctx context.Context, tx *sql.Tx, name lake.TableName) error {
	if _, err := tx.ExecContext(ctx, `DELETE FROM lake_checksums WHERE table_name = ?`, string(name)); err != nil {
		return err
	}
	_, err := tx.ExecContext(ctx, `DELETE FROM iceberg_tables`+rowsWhere+` AND table_name = ?`, string(name))
	return err
}

// putAside renames the table's directory to a name that no table has.
func (c *Catalog) putAside(name lake.TableName) (string, error) {
	dirs, err := c.fs.ReadDir(c.place.warehouse())
	if err != nil {
		return "", err
	}
	taken := map[string]bool{}
	for _, d := range dirs {
		taken[d.Name] = true
	}
	aside := string(name) + ".damaged"
	for n := 2; taken[aside]; n++ {
		aside = string(name) + ".damaged-" + strconv.Itoa(n)
	}
	key := lake.Key(tablesDir + "/" + aside)
	if err := c.fs.Rename(c.path(c.place.location(name)), c.path(key)); err != nil {
		return "", fmt.Errorf("put the table's directory aside: %w", err)
	}
	return string(key), c.fs.SyncDir(c.place.warehouse())
}

// forgetHistory makes new metadata that names the current snapshot only.
func (c *Catalog) forgetHistory(ctx context.Context, name lake.TableName) error {
	st, err := c.current(ctx, name)
	if err != nil {
		return err
	}
	var ids []int64
	for _, s := range st.meta.Snapshots() {
		if lake.SnapshotID(s.SnapshotID) != st.table.Snapshot {
			ids = append(ids, s.SnapshotID)
		}
	}
	_, won, err := c.without(ctx, st, ids, func(b *table.MetadataBuilder) { b.TrimMetadataLogs(0) })
	if err == nil && !won {
		err = lake.ErrStale
	}
	return err
}

// newest finds the URI of the newest metadata of a table that can be read with
// everything it names; one whose data files are not all there only when there
// is no other. "" when there is none.
func (c *Catalog) newest(ctx context.Context, name lake.TableName) (string, error) {
	found, err := c.versions(ctx, name)
	if err != nil {
		return "", err
	}
	second := ""
	for _, uri := range found {
		st, err := c.load(ctx, name, uri, nil)
		if err != nil {
			if ctx.Err() != nil || errors.Is(err, lake.ErrLocked) {
				return "", err
			}
			c.log.Warn("skipping table metadata whose snapshot cannot be read", "uri", uri, "error", err)
			continue
		}
		if !slices.ContainsFunc(st.table.Files, func(f lake.DataFile) bool { return c.checkFile(f) != nil }) {
			return uri, nil
		}
		if second == "" {
			second = uri
		}
	}
	return second, nil
}
