package iceberg

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/apache/iceberg-go/table"

	"github.com/eventlake/lake"
)

// Mended is what Mend did to a table.
type Mended struct {
	Table lake.TableName `json:"table"`
	What  string         `json:"what"`
}

// TakeOut takes a table out whose metadata is nowhere whole, if its pointer is at
// uri still, and says what it did.
type TakeOut func(ctx context.Context, name lake.TableName, uri string) (what string, err error)

// Mend makes every table readable whose metadata Check finds missing or
// damaged. Where only older states are harmed it forgets them. Else it goes
// back to the newest metadata that is whole; the table's consumed positions go
// back with it. Where there is none the table is taken out. The caller has to
// see that the raw files behind the consumed positions are taken in again. No
// other process may write tables meanwhile. A repeat finds nothing to do.
func (c *Catalog) Mend(ctx context.Context, out TakeOut) ([]Mended, error) {
	names, err := c.Tables(ctx)
	if err != nil {
		return nil, err
	}
	var all []Mended
	for _, n := range names {
		var did []string
		for range 2 { // what it goes back to may have a harmed history too
			what, err := c.mend(ctx, n, out)
			if err != nil && !errors.Is(err, lake.ErrNotFound) {
				return all, fmt.Errorf("mend table %s: %w", n, err)
			}
			if what != "" {
				did = append(did, what)
			}
		}
		if len(did) > 0 {
			all = append(all, Mended{n, strings.Join(did, "; ")})
		}
	}
	return all, nil
}

func (c *Catalog) mend(ctx context.Context, name lake.TableName, out TakeOut) (what string, err error) {
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
		return c.goBack(ctx, name, out)
	case harmed(HarmHistory):
		return "older states are forgotten", c.forgetHistory(ctx, name)
	}
	return "", nil
}

// goBack moves the pointer to the newest metadata that is whole.
func (c *Catalog) goBack(ctx context.Context, name lake.TableName, out TakeOut) (string, error) {
	from, err := c.pointer.Get(ctx, name)
	if err != nil {
		return "", err
	}
	to, err := c.newest(ctx, name)
	if err != nil {
		return "", err
	}
	if to == nil {
		if _, ours := c.root.Key(name, from); !ours {
			return "", lake.Errorf(lake.ErrInvalid, c.hints.Foreign+"; or drop it with the engine that made it", "table %s lies at %s", name, from)
		}
		return out(ctx, name, from)
	}
	won, err := c.pointer.Swap(ctx, Move{Next: to.table, From: from, To: to.uri, Location: c.root.uri(Location(name))})
	if err == nil && !won {
		err = lake.ErrStale
	}
	return "is back at " + to.uri, err
}

// Adopt makes the pointer of a table that has none, from the newest of its
// metadata that is whole: the last commit, or one that a crash stopped just
// before its commit point, whose files are all there. It reports false when
// there is none.
func (c *Catalog) Adopt(ctx context.Context, name lake.TableName) (bool, error) {
	to, err := c.newest(ctx, name)
	if err != nil || to == nil {
		return false, err
	}
	return c.pointer.Swap(ctx, Move{Next: to.table, To: to.uri, Location: c.root.uri(Location(name))})
}

// ForgetHistory makes new metadata that names the current snapshot only, so that
// nothing is wrong with the table when the files of older ones are missing or
// damaged. Maintain keeps what is left of those as long as ever. lake.ErrStale when the table
// changed meanwhile.
func (c *Catalog) ForgetHistory(ctx context.Context, name lake.TableName) error {
	defer c.lock(name)()
	if err := c.forgetHistory(ctx, name); err != nil {
		return fmt.Errorf("forget the older snapshots of table %s: %w", name, err)
	}
	return nil
}

// forgetHistory is ForgetHistory under the table's lock.
func (c *Catalog) forgetHistory(ctx context.Context, name lake.TableName) error {
	st, err := c.current(ctx, name)
	if err != nil {
		return err
	}
	var ids []int64
	at := c.clock().Time().UnixMilli()
	for _, s := range st.meta.Snapshots() {
		if lake.SnapshotID(s.SnapshotID) != st.table.Snapshot {
			ids = append(ids, s.SnapshotID)
		}
	}
	_, won, err := c.without(ctx, st, ids, func(p *staged, b *table.MetadataBuilder) error {
		b.TrimMetadataLogs(0)
		return p.tell(st.meta, ids, at)
	})
	if err == nil && !won {
		err = lake.ErrStale
	}
	return err
}
