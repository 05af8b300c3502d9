package iceberg

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"path"
	"strings"

	"github.com/apache/iceberg-go/table"
	"github.com/google/uuid"

	"github.com/eventlake/lake"
)

// forgottenPrefix begins the names of the files, beside the table's metadata,
// that tell of snapshots which the metadata forgot for its size. Readers may
// have them still, so their files stay for as long as if they were listed.
const forgottenPrefix = "forgotten-"

// forgotten is a snapshot that the metadata does not list any more.
type forgotten struct {
	Snapshot int64  `json:"snapshot-id"`
	List     string `json:"manifest-list"` // URI
	Replaced int64  `json:"replaced-ms"`   // when it stopped being current
}

// tell takes a file into the stage that tells of snapshots of m; at is when the
// newest of m is replaced, in ms.
func (p *staged) tell(m table.Metadata, ids []int64, at int64) error {
	gone := make(map[int64]bool, len(ids))
	for _, id := range ids {
		gone[id] = true
	}
	var told []forgotten
	snaps := m.Snapshots()
	for i, s := range snaps {
		if !gone[s.SnapshotID] {
			continue
		}
		f := forgotten{s.SnapshotID, s.ManifestList, at}
		if i+1 < len(snaps) {
			f.Replaced = snaps[i+1].TimestampMs
		}
		told = append(told, f)
	}
	if len(told) == 0 {
		return nil
	}
	data, err := json.Marshal(told)
	if err != nil {
		return fmt.Errorf("forgotten snapshots: %w", err)
	}
	p.add(forgottenPrefix+uuid.NewString()+".json", data)
	return nil
}

// lingering finds the forgotten snapshots that were replaced after the limit,
// and the files that tell of them.
func (c *Catalog) lingering(ctx context.Context, st *state, files []lake.Info, limit lake.Instant) (snaps []table.Snapshot, tellers []lake.Key, err error) {
	var keys []lake.Key
	for _, f := range files {
		if strings.HasPrefix(path.Base(string(f.Key)), forgottenPrefix) && path.Base(path.Dir(string(f.Key))) == "metadata" {
			keys = append(keys, f.Key)
		}
	}
	told := make([][]forgotten, len(keys))
	err = c.each(ctx, len(keys), func(ctx context.Context, i int) error {
		data, _, err := c.files.Read(ctx, st.table.Name, keys[i])
		if err != nil {
			return fmt.Errorf("read %s: %w", keys[i], err)
		}
		if err := json.Unmarshal(data, &told[i]); err != nil {
			return c.unreadable("list of forgotten snapshots", c.root.uri(keys[i]), err)
		}
		return nil
	})
	if err != nil {
		return nil, nil, err
	}
	for i, all := range told {
		n := len(snaps)
		for _, f := range all {
			_, ours := c.root.Key(st.table.Name, f.List)
			if ours && f.Replaced > int64(limit)/1000 {
				snaps = append(snaps, table.Snapshot{SnapshotID: f.Snapshot, ManifestList: f.List})
			}
		}
		if len(snaps) > n {
			tellers = append(tellers, keys[i])
		}
	}
	return snaps, tellers, nil
}

// readLingering reads the manifests of forgotten snapshots. One whose metadata is
// missing or damaged nobody can read, and it is left out.
func (c *Catalog) readLingering(ctx context.Context, name lake.TableName, snaps []table.Snapshot, known map[string]*manifest) (map[string][]*manifest, error) {
	lists := make(map[string][]*manifest, len(snaps))
	read := func(some []table.Snapshot) error {
		found := maps.Clone(known) // a failure leaves manifests in it that were not read
		ms, err := c.readManifests(ctx, name, some, found)
		if err != nil {
			return err
		}
		maps.Copy(known, found)
		for i, s := range some {
			lists[s.ManifestList] = ms[i]
		}
		return nil
	}
	harmed := func(err error) bool { return errors.Is(err, lake.ErrNotFound) || errors.Is(err, lake.ErrCorrupt) }
	err := read(snaps)
	if err == nil || !harmed(err) {
		return lists, err
	}
	for _, s := range snaps {
		err := read([]table.Snapshot{s})
		if err != nil && !harmed(err) {
			return nil, err
		}
		if err != nil {
			c.log.Warn("an older snapshot cannot be read", "table", name, "snapshot", s.SnapshotID, "error", err)
		}
	}
	return lists, nil
}
