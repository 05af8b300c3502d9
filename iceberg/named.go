package iceberg

import (
	"context"
	"maps"

	"github.com/apache/iceberg-go/table"

	"github.com/eventlake/lake"
)

// history is what Maintain has read of a table's kept snapshots. Manifest lists
// and manifests never change, so the next run reads only the new ones.
type history struct {
	lists     map[string][]*manifest // by URI of the manifest list
	manifests map[string]*manifest   // by URI
}

// named returns every file that the state names: the metadata files it lists,
// and the manifest lists, manifests and data files of all its snapshots and of
// the lingering ones.
func (c *Catalog) named(ctx context.Context, st *state, lingering []table.Snapshot) (map[lake.Key]bool, error) {
	name, named := st.table.Name, map[lake.Key]bool{}
	add := func(uri string) {
		if k, ok := c.root.Key(name, uri); ok {
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
	h, err := c.readHistory(ctx, st, lingering)
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

// readHistory reads the manifests of all snapshots of the state, and of the
// lingering ones.
func (c *Catalog) readHistory(ctx context.Context, st *state, lingering []table.Snapshot) (*history, error) {
	name := st.table.Name
	c.mu.Lock()
	old := c.histories[name]
	c.mu.Unlock()
	known := map[string]*manifest{}
	if old != nil {
		maps.Copy(known, old.manifests)
	}
	for _, m := range st.manifests {
		known[m.file.FilePath()] = m
	}
	next := &history{lists: map[string][]*manifest{}, manifests: map[string]*manifest{}}
	unread := func(snaps []table.Snapshot) (fresh []table.Snapshot) {
		for _, s := range snaps {
			if old != nil && old.lists[s.ManifestList] != nil {
				next.lists[s.ManifestList] = old.lists[s.ManifestList]
			} else {
				fresh = append(fresh, s)
			}
		}
		return fresh
	}
	fresh := unread(st.meta.Snapshots())
	read, err := c.readManifests(ctx, name, fresh, known)
	if err != nil {
		return nil, c.damaged(err)
	}
	for i, s := range fresh {
		next.lists[s.ManifestList] = read[i]
	}
	more, err := c.readLingering(ctx, name, unread(lingering), known)
	if err != nil {
		return nil, err
	}
	maps.Copy(next.lists, more)
	for _, ms := range next.lists {
		for _, m := range ms {
			next.manifests[m.file.FilePath()] = m
		}
	}
	c.mu.Lock()
	c.histories[name] = next
	c.mu.Unlock()
	return next, nil
}
