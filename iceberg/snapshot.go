package iceberg

import (
	"context"
	"fmt"
	"math/bits"
	"slices"

	ice "github.com/apache/iceberg-go"
	"github.com/apache/iceberg-go/table"
	"github.com/google/uuid"

	"github.com/eventlake/lake"
)

const (
	// mergeAt is how many manifests of about one size are merged into one. So
	// an entry is rewritten once a power of mergeAt, and a table of n files has
	// about mergeAt * log(n) manifests.
	mergeAt = 8
	// mergeMax is how many entries a merged manifest has at most.
	mergeMax = 1024
)

// snapshot is a new snapshot of a table in the making.
type snapshot struct {
	c      *Catalog
	commit lake.TableCommit
	old    *state
	w      writer
	stage  *staged

	files     []lake.DataFile // all live files, sorted by key
	manifests []*manifest
	list      string // URI of the manifest list
	consumed  map[lake.ShardID]lake.Position
}

// build makes the manifests and the manifest list.
func (s *snapshot) build(ctx context.Context) error {
	if err := s.apply(); err != nil {
		return err
	}
	removed := make(map[lake.Key]bool, len(s.commit.Remove))
	for _, f := range s.commit.Remove {
		removed[f.Key] = true
	}
	var entries []ice.ManifestEntry
	var live []lake.DataFile
	for _, f := range s.commit.Add {
		e, err := s.w.added(s.c.root.uri(f.Key), f)
		if err != nil {
			return err
		}
		entries = append(entries, e)
		f.Columns = nil
		live = append(live, f)
	}
	var rest, rewrite []*manifest
	again := s.rewrites(removed)
	for _, m := range s.old.manifests {
		switch {
		case again[m]:
			rewrite = append(rewrite, m)
		case m.file.HasAddedFiles() || m.file.HasExistingFiles():
			rest = append(rest, m) // one that only tells of deletions has done its work
		}
	}
	read := make([][]ice.ManifestEntry, len(rewrite))
	err := s.c.each(ctx, len(rewrite), func(ctx context.Context, i int) (err error) {
		read[i], err = s.existing(ctx, rewrite[i])
		return err
	})
	if err != nil {
		return err
	}
	for _, olds := range read {
		for _, o := range olds {
			f, err := s.c.fromEntry(s.commit.Table, o.DataFile())
			if err != nil {
				return err
			}
			e, err := s.w.kept(s.c.root.uri(f.Key), o, removed[f.Key])
			if err != nil {
				return err
			}
			entries = append(entries, e)
			if !removed[f.Key] {
				live = append(live, f)
			} else {
				live = append(live, lake.DataFile{}) // keeps live in step with entries
			}
		}
	}
	id := uuid.NewString()
	for n := 0; len(entries) > 0; n++ {
		k := min(len(entries), maxEntries)
		name := fmt.Sprintf("%s-m%d.avro", id, n)
		data, mf, err := s.w.manifest(s.c.root.uri(s.stage.key(name)), entries[:k])
		if err != nil {
			return err
		}
		s.stage.add(name, data)
		ls := slices.DeleteFunc(slices.Clone(live[:k]), func(f lake.DataFile) bool { return f.Key == "" })
		s.manifests = append(s.manifests, &manifest{file: mf, live: ls})
		entries, live = entries[k:], live[k:]
	}
	s.manifests = append(s.manifests, rest...)
	data, err := s.w.list(s.parent(), s.manifests)
	if err != nil {
		return err
	}
	s.list = s.stage.add(fmt.Sprintf("snap-%d-1-%s.avro", s.w.snapshot, id), data)
	return nil
}

// apply works out the live files after the commit.
func (s *snapshot) apply() error {
	gone := make(map[int]bool, len(s.commit.Remove))
	for _, f := range s.commit.Remove {
		i, ok := find(s.old.table.Files, f.Key)
		if !ok {
			return fmt.Errorf("remove %s: not in the snapshot: %w", f.Key, lake.ErrStale)
		}
		gone[i] = true
	}
	s.files = make([]lake.DataFile, 0, len(s.old.table.Files)+len(s.commit.Add))
	for i, f := range s.old.table.Files {
		if !gone[i] {
			s.files = append(s.files, f)
		}
	}
	for _, f := range s.commit.Add {
		if _, ok := find(s.old.table.Files, f.Key); ok {
			return lake.Errorf(lake.ErrInvalid, "", "add %s: it is in the table already", f.Key)
		}
		f.Columns = nil
		s.files = append(s.files, f)
	}
	slices.SortFunc(s.files, byKey)
	return nil
}

// rewrites chooses the manifests whose entries go into new ones: those that
// name a removed file, one run of small ones, and all when the table has moved.
func (s *snapshot) rewrites(removed map[lake.Key]bool) map[*manifest]bool {
	out := map[*manifest]bool{}
	var tiers [32][]*manifest
	for _, m := range s.old.manifests {
		if m.file.ManifestContent() != ice.ManifestContentData {
			continue
		}
		if s.old.moved && len(m.live) > 0 || slices.ContainsFunc(m.live, func(f lake.DataFile) bool { return removed[f.Key] }) {
			out[m] = true
			continue
		}
		if n := len(m.live); n > 0 && n < mergeMax/2 && m.file.PartitionSpecID() == int32(s.w.spec.ID()) {
			t := (bits.Len(uint(n)) - 1) / 3 // mergeAt is 2^3
			tiers[t] = append(tiers[t], m)
		}
	}
	for _, ms := range tiers {
		if len(ms) < mergeAt {
			continue
		}
		total := 0
		for _, m := range ms {
			if total += len(m.live); total > mergeMax {
				break
			}
			out[m] = true
		}
		break
	}
	return out
}

func (s *snapshot) parent() *int64 {
	if s.old.table.Snapshot == 0 || s.old.moved {
		return nil
	}
	id := int64(s.old.table.Snapshot)
	return &id
}

// describe makes the entry in the table's metadata. Its time never goes back,
// whatever the clock does.
func (s *snapshot) describe() (table.Snapshot, error) {
	s.consumed = merge(s.old.table.Consumed, s.commit.Consumed)
	summary, err := summarize(s.commit, s.files, s.consumed)
	if err != nil {
		return table.Snapshot{}, err
	}
	at := s.c.clock().Time().UnixMilli()
	if s.old.table.Snapshot != 0 {
		at = max(at, s.old.meta.LastUpdatedMillis(), s.old.meta.CurrentSnapshot().TimestampMs)
	}
	schema := s.w.schema.ID
	return table.Snapshot{
		SnapshotID: s.w.snapshot, ParentSnapshotID: s.parent(), SequenceNumber: s.w.sequence, TimestampMs: at,
		ManifestList: s.list, Summary: summary, SchemaID: &schema,
	}, nil
}

// existing reads entries of an old manifest for a new one, with the paths as
// they are now.
func (s *snapshot) existing(ctx context.Context, m *manifest) ([]ice.ManifestEntry, error) {
	if m.file.PartitionSpecID() != int32(s.w.spec.ID()) {
		return nil, lake.Errorf(lake.ErrInvalid, "run rewrite_data_files with the engine that changed the partitioning, or `lake rebuild --force` the table",
			"manifest %s was written for another partitioning", m.file.FilePath())
	}
	return s.c.readEntries(ctx, s.commit.Table, m.file)
}
