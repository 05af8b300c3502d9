package catalog

import (
	"context"
	"fmt"

	"github.com/eventlake/lake"
)

// Relocate writes the place where the data directory lies now into the metadata
// of every table that names another one, so that PyIceberg, Spark and others
// find the files again after the directory was moved or copied. The lake itself
// does not need it. Each such table gets one new snapshot with the same files,
// and its older snapshots are forgotten. It returns the tables it changed; a
// repeat changes none.
func (c *Catalog) Relocate(ctx context.Context) ([]lake.TableName, error) {
	names, err := c.Tables(ctx)
	if err != nil {
		return nil, err
	}
	var out []lake.TableName
	for _, n := range names {
		moved, err := c.relocate(ctx, n)
		if err != nil {
			return out, fmt.Errorf("relocate table %s: %w", n, err)
		}
		if moved {
			out = append(out, n)
		}
	}
	return out, nil
}

func (c *Catalog) relocate(ctx context.Context, name lake.TableName) (bool, error) {
	defer c.lock(name)()
	st, err := c.current(ctx, name)
	if err != nil || !st.moved {
		return false, err
	}
	_, err = c.commit(ctx, lake.TableCommit{
		Table: name, Base: st.table.Snapshot, Schema: st.table.Schema, Summary: map[string]string{"operation": "relocate"},
	})
	return err == nil, err
}
