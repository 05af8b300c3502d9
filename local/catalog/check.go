package catalog

import (
	"context"
	"fmt"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/local/disk"
)

// Problem is something wrong with the files of a table.
type Problem struct {
	Table lake.TableName `json:"table"`
	Key   lake.Key       `json:"key,omitempty"` // the file; empty when the table's metadata cannot be read
	What  string         `json:"what"`
}

// String is "table: key: what".
func (p Problem) String() string {
	if p.Key == "" {
		return fmt.Sprintf("%s: %s", p.Table, p.What)
	}
	return fmt.Sprintf("%s: %s: %s", p.Table, p.Key, p.What)
}

// Check reads the metadata of every table again from disk and looks up every
// file that the current snapshots name. It does not read the data files. The
// error is for a check that could not be done.
func (c *Catalog) Check(ctx context.Context) ([]Problem, error) {
	names, err := c.Tables(ctx)
	if err != nil {
		return nil, err
	}
	var out []Problem
	for _, n := range names {
		if err := ctx.Err(); err != nil {
			return out, err
		}
		ps, err := c.check(ctx, n)
		if err != nil {
			return out, fmt.Errorf("check table %s: %w", n, err)
		}
		out = append(out, ps...)
	}
	return out, nil
}

func (c *Catalog) check(ctx context.Context, name lake.TableName) ([]Problem, error) {
	defer c.lock(name)() // so that nothing is removed meanwhile
	uri, err := c.rows.get(ctx, name)
	if err != nil {
		return nil, err
	}
	st, err := c.load(name, uri, nil)
	if err != nil {
		return []Problem{{Table: name, What: damaged(err).Error()}}, nil
	}
	var out []Problem
	for _, f := range st.table.Files {
		size, err := c.size(f.Key)
		switch {
		case disk.IsNotExist(err):
			out = append(out, Problem{name, f.Key, "is missing"})
		case err != nil:
			out = append(out, Problem{name, f.Key, err.Error()})
		case size != f.Bytes:
			out = append(out, Problem{name, f.Key, fmt.Sprintf("has %d bytes, the table says %d", size, f.Bytes)})
		}
	}
	return out, nil
}
