package iceberg

import (
	"context"
	"fmt"

	"github.com/eventlake/lake"
)

// Relocate writes the place where the store lies now into the metadata of every
// table that names another one, so that PyIceberg, Spark and others find the
// files again after the store was moved or copied. A catalog whose Root is
// Movable does not need it itself. Each such table gets one new snapshot with the same files,
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

// Located is a table and the place that its metadata names.
type Located struct {
	Table    lake.TableName
	Location string // URI
}

// Located lists where the metadata of each table says that it lies. Tables that
// cannot be read are left out: Check says what is wrong with them.
func (c *Catalog) Located(ctx context.Context) ([]Located, error) {
	names, err := c.Tables(ctx)
	if err != nil {
		return nil, err
	}
	var out []Located
	for _, n := range names {
		st, err := c.current(ctx, n)
		switch {
		case err == nil:
			out = append(out, Located{n, st.meta.Location()})
		case ctx.Err() != nil:
			return nil, ctx.Err()
		}
	}
	return out, nil
}
