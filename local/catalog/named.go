package catalog

import (
	"context"
	"fmt"

	"github.com/eventlake/lake"
)

// history is what Maintain has read of a table's kept snapshots. Manifest lists
// and manifests never change, so the next run reads only the new ones.
type history struct {
	lists     map[string][]*manifest // by URI of the manifest list
	manifests map[string]*manifest   // by URI
}

// named returns every file that the state names: the metadata files it lists,
// and the manifest lists, manifests and data files of all its snapshots.
func (c *Catalog) named(ctx context.Context, st *state) (map[lake.Key]bool, error) {
	name, named := st.table.Name, map[lake.Key]bool{}
	add := func(uri string) {
		if k, ok := c.place.key(name, uri); ok {
			named[k] = true
		}
	}
	add(st.uri)
	for e := range st.meta.PreviousFiles() {
		add(e.MetadataFile)
	}
	for s := range st.meta.Statistics() {
		add(s.StatisticsPath)
	}
	for s := range st.meta.PartitionStatistics() {
		add(s.StatisticsPath)
	}
	h, err := c.readHistory(ctx, st)
	if err != nil {
		return nil, err
	}
	for uri := range h.lists {
		add(uri)
	}
	for uri, m := range h.manifests {
		add(uri)
		for _, f := range m.live {
			named[f.Key] = true
		}
	}
	return named, nil
}

// readHistory reads the manifests of all snapshots of the state.
func (c *Catalog) readHistory(ctx context.Context, st *state) (*history, error) {
	name := st.table.Name
	c.mu.Lock()
	old := c.histories[name]
	c.mu.Unlock()
	known := map[string]*manifest{}
	if old != nil {
		known = old.manifests
	}
	for _, m := range st.manifests {
		known[m.file.FilePath()] = m
	}
	next := &history{lists: map[string][]*manifest{}, manifests: map[string]*manifest{}}
	for _, s := range st.meta.Snapshots() {
		ms, ok := []*manifest(nil), false
		if old != nil {
			ms, ok = old.lists[s.ManifestList]
		}
		if !ok {
			var err error
			if ms, err = c.readManifests(ctx, name, s, known); err != nil {
				return nil, fmt.Errorf("snapshot %d: %w", s.SnapshotID, damaged(err))
			}
		}
		next.lists[s.ManifestList] = ms
		for _, m := range ms {
			known[m.file.FilePath()] = m
			next.manifests[m.file.FilePath()] = m
		}
	}
	c.mu.Lock()
	c.histories[name] = next
	c.mu.Unlock()
	return next, nil
}
