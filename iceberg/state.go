package iceberg

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"

	"github.com/apache/iceberg-go/table"

	"github.com/eventlake/lake"
)

// state is one committed state of a table, never changed after it is made.
type state struct {
	uri       string // of the metadata file
	meta      table.Metadata
	table     lake.Table
	manifests []*manifest // of the current snapshot, newest first
	moved     bool        // the metadata names another place than where it lies
}

// public returns the table for a caller, who may do with it what he likes.
func (s *state) public() lake.Table {
	t := s.table
	t.Schema = t.Schema.Clone()
	t.Files = slices.Clone(t.Files)
	t.Consumed = maps.Clone(t.Consumed)
	t.Summary = maps.Clone(t.Summary)
	return t
}

// current returns the committed state, from memory when the pointer has not moved.
func (c *Catalog) current(ctx context.Context, name lake.TableName) (*state, error) {
	for try := 0; ; try++ {
		uri, err := c.pointer.Get(ctx, name)
		if err != nil {
			return nil, err
		}
		old := c.remembered(name)
		if old != nil && old.uri == uri {
			return old, nil
		}
		st, err := c.load(ctx, name, uri, old)
		if errors.Is(err, lake.ErrNotFound) && try < attempts {
			// The pointer may have moved on and the old files been removed meanwhile.
			if now, e := c.pointer.Get(ctx, name); e == nil && now != uri {
				continue
			}
		}
		if err != nil {
			return nil, c.damaged(err)
		}
		c.remember(st)
		return st, nil
	}
}

func (c *Catalog) remembered(name lake.TableName) *state {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.states[name]
}

func (c *Catalog) remember(st *state) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.states[st.table.Name] = st
}

// damaged makes a file that is named but missing an ErrCorrupt.
func (c *Catalog) damaged(err error) error {
	if errors.Is(err, lake.ErrNotFound) {
		return lake.Errorf(lake.ErrCorrupt, c.hints.Damaged, "%s", err)
	}
	return err
}

// load reads the state that a metadata file describes. Manifests that old has
// already read are not read again: they never change.
func (c *Catalog) load(ctx context.Context, name lake.TableName, uri string, old *state) (*state, error) {
	data, _, err := c.read(ctx, name, uri)
	if err != nil {
		return nil, err
	}
	meta, err := table.ParseMetadataBytes(data)
	if err != nil {
		return nil, c.unreadable("table metadata", uri, err)
	}
	st := &state{uri: uri, meta: meta, moved: meta.Location() != c.root.uri(Location(name))}
	st.table = lake.Table{Name: name, Location: Location(name), Time: lake.Instant(meta.LastUpdatedMillis() * 1000)}
	if st.table.Schema, err = fromIceberg(meta.CurrentSchema(), meta.Properties()[schemaProperty]); err != nil {
		return nil, err
	}
	// Another engine may have given out ids to columns that are gone again.
	st.table.Schema.LastID = max(st.table.Schema.LastID, lake.ColumnID(meta.LastColumnID()))
	if st.table.Consumed, err = consumedOf(meta); err != nil {
		return nil, err
	}
	snap := meta.CurrentSnapshot()
	st.table.Summary = ownSummary(snap)
	if snap == nil {
		return st, nil
	}
	st.table.Snapshot = lake.SnapshotID(snap.SnapshotID)
	st.table.Time = lake.Instant(snap.TimestampMs * 1000)
	known := map[string]*manifest{}
	if old != nil {
		for _, m := range old.manifests {
			known[m.file.FilePath()] = m
		}
	}
	read, err := c.readManifests(ctx, name, []table.Snapshot{*snap}, known)
	if err != nil {
		return nil, err
	}
	st.manifests = read[0]
	for _, m := range st.manifests {
		if m.rowDeletes() {
			return nil, lake.Errorf(lake.ErrInvalid, "run rewrite_data_files with the engine that deleted the rows, and set write.delete.mode=copy-on-write",
				"table %s has row-level deletes in snapshot %d, which the lake cannot apply", name, snap.SnapshotID)
		}
		st.table.Files = append(st.table.Files, m.live...)
	}
	slices.SortFunc(st.table.Files, byKey)
	return st, nil
}

func byKey(a, b lake.DataFile) int { return strings.Compare(string(a.Key), string(b.Key)) }

// find returns the index of the key in files sorted by key.
func find(files []lake.DataFile, k lake.Key) (int, bool) {
	return slices.BinarySearchFunc(files, k, func(f lake.DataFile, k lake.Key) int { return strings.Compare(string(f.Key), string(k)) })
}

// read returns the content of a metadata file of the table; checked is false
// when there is no checksum to compare it with.
func (c *Catalog) read(ctx context.Context, name lake.TableName, uri string) (data []byte, checked bool, err error) {
	k, ok := c.root.Key(name, uri)
	if !ok {
		return nil, false, lake.Errorf(lake.ErrInvalid, c.hints.Foreign, "%s is not a file of table %s", uri, name)
	}
	return c.files.Read(ctx, name, k)
}

// unreadable is a metadata file whose content is wrong.
func (c *Catalog) unreadable(what, uri string, err error) error {
	if errors.Is(err, lake.ErrInvalid) {
		return err
	}
	return lake.Errorf(lake.ErrCorrupt, c.hints.Damaged, "%s %s: %s", what, uri, err)
}
