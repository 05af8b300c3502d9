package catalog

import (
	"context"
	"database/sql"
	"fmt"
	"strconv"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/iceberg"
	"github.com/eventlake/lake/local/disk"
)

// Mended is what Mend did to a table.
type Mended = iceberg.Mended

// Mend makes every table readable whose metadata Check finds missing or
// damaged. Where only older states are harmed it forgets them. Else it goes
// back to the newest metadata that is whole; the table's consumed positions go
// back with it. Where there is none it takes the table out of the catalog and
// puts its directory aside as <table>.damaged: its raw files are then pending
// as those of a new table. The caller has to see that the raw files behind the
// consumed positions are taken in again. No other process may write tables
// meanwhile. A repeat finds nothing to do.
func (c *Catalog) Mend(ctx context.Context) ([]Mended, error) { return c.tables.Mend(ctx, c.takeOut) }

// ForgetHistory makes new metadata that names the current snapshot only.
// lake.ErrStale when the table changed meanwhile.
func (c *Catalog) ForgetHistory(ctx context.Context, name lake.TableName) error {
	return c.tables.ForgetHistory(ctx, name)
}

// takeOut is an iceberg.TakeOut.
func (c *Catalog) takeOut(ctx context.Context, name lake.TableName, uri string) (string, error) {
	ok, err := c.rows.hold(ctx, name, uri, func(tx *sql.Tx) error { return c.rows.dropTable(ctx, tx, name) })
	if err == nil && !ok {
		err = lake.ErrStale
	}
	if err != nil {
		return "", err
	}
	aside, err := c.putAside(name)
	if disk.IsNotExist(err) {
		return "is taken out, its directory is gone", nil
	}
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
	if err := c.fs.Rename(c.place.path(iceberg.Location(name)), c.place.path(key)); err != nil {
		return "", fmt.Errorf("put the table's directory aside: %w", err)
	}
	return string(key), c.fs.SyncDir(c.place.warehouse())
}
