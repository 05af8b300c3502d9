package iceberg

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/apache/iceberg-go/table"

	"github.com/eventlake/lake"
)

// newest finds the newest state of a table that can be read with everything it
// names; one whose data files are not all there only when there is no other.
// nil when there is none.
func (c *Catalog) newest(ctx context.Context, name lake.TableName) (*state, error) {
	found, err := c.versions(ctx, name)
	if err != nil {
		return nil, err
	}
	var second *state
	for _, uri := range found {
		st, err := c.load(ctx, name, uri, nil)
		if err != nil {
			if ctx.Err() != nil || errors.Is(err, lake.ErrLocked) {
				return nil, err
			}
			c.log.Warn("skipping table metadata whose snapshot cannot be read", "uri", uri, "error", err)
			continue
		}
		if !slices.ContainsFunc(st.table.Files, func(f lake.DataFile) bool { return c.checkFile(ctx, f) != nil }) {
			return st, nil
		}
		if second == nil {
			second = st
		}
	}
	return second, nil
}

// versions lists the URIs of the table's metadata files that can be read,
// newest first.
func (c *Catalog) versions(ctx context.Context, name lake.TableName) ([]string, error) {
	type candidate struct {
		uri     string
		updated int64
	}
	var all []candidate
	for f, err := range c.files.List(ctx, Location(name)+"/metadata/") {
		if err != nil {
			return nil, err
		}
		if !strings.HasSuffix(string(f.Key), ".metadata.json") {
			continue
		}
		uri := c.root.uri(f.Key)
		data, _, err := c.read(ctx, name, uri)
		if err != nil {
			if ctx.Err() != nil {
				return nil, ctx.Err()
			}
			c.log.Warn("skipping unreadable table metadata", "uri", uri, "error", err)
			continue
		}
		m, err := table.ParseMetadataBytes(data)
		if err != nil {
			c.log.Warn("skipping unreadable table metadata", "uri", uri, "error", err)
			continue
		}
		all = append(all, candidate{uri, m.LastUpdatedMillis()})
	}
	slices.SortFunc(all, func(a, b candidate) int {
		return cmp.Or(-cmp.Compare(version(a.uri), version(b.uri)), -cmp.Compare(a.updated, b.updated))
	})
	uris := make([]string, len(all))
	for i, a := range all {
		uris[i] = a.uri
	}
	return uris, nil
}
