package catalog

import (
	"context"
	"errors"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/iceberg"
)

// Harm is what a Problem costs, and so what mends it.
type Harm = iceberg.Harm

// Problem is something wrong with the files of a table.
type Problem = iceberg.Problem

// Checked is what Check has seen.
type Checked = iceberg.Checked

// The harms. HarmDatabase is damage to catalog.db itself, which Recover makes
// again; HarmCurrent and HarmHistory are for Mend.
const (
	HarmDatabase = iceberg.HarmDatabase
	HarmCurrent  = iceberg.HarmCurrent
	HarmHistory  = iceberg.HarmHistory
	HarmData     = iceberg.HarmData
	HarmForeign  = iceberg.HarmForeign
)

// Check reads catalog.db, and every metadata file, manifest list and manifest
// that a table's current metadata leads to, from disk, and compares each with
// its checksum. It looks data files up and does not read them. The error is for
// a check that could not be done.
func (c *Catalog) Check(ctx context.Context) (done Checked, err error) {
	var found []Problem
	database := func(name lake.TableName, what string) {
		found = append(found, Problem{Table: name, Key: tablesDir + "/" + databaseName, What: what, Harm: HarmDatabase})
	}
	why, err := c.rows.integrity(ctx)
	for _, w := range why {
		database("", w)
	}
	if err == nil {
		done, err = c.tables.Check(ctx)
	}
	if err == nil {
		err = c.checkSums(ctx, database)
	}
	if errors.Is(err, lake.ErrCorrupt) { // what says so is the catalog file
		database("", err.Error())
		err = nil
	}
	done.Problems = append(found, done.Problems...)
	return done, err
}

// checkSums looks whether the checksums of each table are those that were
// recorded.
func (c *Catalog) checkSums(ctx context.Context, problem func(name lake.TableName, what string)) error {
	names, err := c.Tables(ctx)
	if err != nil {
		return err
	}
	for _, n := range names {
		_, whole, err := c.rows.sumsOf(ctx, c.rows.db, n)
		if err != nil {
			return err
		}
		if !whole {
			problem(n, "the checksums of table "+string(n)+" are not those that were written")
		}
	}
	return nil
}
