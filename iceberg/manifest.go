package iceberg

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"

	ice "github.com/apache/iceberg-go"
	"github.com/apache/iceberg-go/table"

	"github.com/eventlake/lake"
)

// manifest is a manifest file of a snapshot with the data files that it says
// are live.
type manifest struct {
	file ice.ManifestFile
	live []lake.DataFile // without Columns: those are read again when they move
}

// rowDeletes reports whether the manifest tells of rows deleted inside files.
func (m *manifest) rowDeletes() bool {
	return m.file.ManifestContent() != ice.ManifestContentData && (m.file.HasAddedFiles() || m.file.HasExistingFiles())
}

// readManifests reads the manifest lists of snapshots, and those of their
// manifests that are not known. It adds what it reads to known, which goes by
// URI.
func (c *Catalog) readManifests(ctx context.Context, name lake.TableName, snaps []table.Snapshot, known map[string]*manifest) ([][]*manifest, error) {
	lists := make([][]ice.ManifestFile, len(snaps))
	err := c.each(ctx, len(snaps), func(ctx context.Context, i int) (err error) {
		if lists[i], err = c.readList(ctx, name, snaps[i]); err != nil {
			return fmt.Errorf("snapshot %d: %w", snaps[i].SnapshotID, err)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	var fresh []*manifest
	out := make([][]*manifest, len(snaps))
	for i, files := range lists {
		out[i] = make([]*manifest, len(files))
		for k, f := range files {
			m, ok := known[f.FilePath()]
			if !ok {
				m = &manifest{file: f}
				known[f.FilePath()] = m
				if f.ManifestContent() == ice.ManifestContentData {
					fresh = append(fresh, m)
				}
			}
			out[i][k] = m
		}
	}
	return out, c.each(ctx, len(fresh), func(ctx context.Context, i int) (err error) {
		fresh[i].live, err = c.readLive(ctx, name, fresh[i].file)
		return err
	})
}

func (c *Catalog) readList(ctx context.Context, name lake.TableName, snap table.Snapshot) ([]ice.ManifestFile, error) {
	data, _, err := c.read(ctx, name, snap.ManifestList)
	if err != nil {
		return nil, err
	}
	return c.listIn(data, snap.ManifestList)
}

// listIn parses a manifest list.
func (c *Catalog) listIn(data []byte, uri string) ([]ice.ManifestFile, error) {
	files, err := ice.ReadManifestList(bytes.NewReader(data))
	if err != nil {
		return nil, c.unreadable("manifest list", uri, err)
	}
	return files, nil
}

// readLive reads the live data files of a manifest, without column statistics.
func (c *Catalog) readLive(ctx context.Context, name lake.TableName, f ice.ManifestFile) ([]lake.DataFile, error) {
	data, _, err := c.read(ctx, name, f.FilePath())
	if err != nil {
		return nil, err
	}
	return c.liveIn(name, data, f)
}

// liveIn parses a manifest.
func (c *Catalog) liveIn(name lake.TableName, data []byte, f ice.ManifestFile) (live []lake.DataFile, err error) {
	r, err := ice.NewManifestReaderWithProjection(f, bytes.NewReader(data), ice.ManifestEntryProjection{})
	if err != nil {
		return nil, c.unreadable("manifest", f.FilePath(), err)
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	for {
		e, err := r.ReadEntry()
		if errors.Is(err, io.EOF) {
			return live, nil
		}
		if err != nil {
			return nil, c.unreadable("manifest", f.FilePath(), err)
		}
		if e.Status() == ice.EntryStatusDELETED {
			continue
		}
		df, err := c.fromEntry(name, e.DataFile())
		if err != nil {
			return nil, c.unreadable("manifest", f.FilePath(), err)
		}
		live = append(live, df)
	}
}

// readEntries reads the live entries of a manifest with everything in them.
func (c *Catalog) readEntries(ctx context.Context, name lake.TableName, f ice.ManifestFile) ([]ice.ManifestEntry, error) {
	data, _, err := c.read(ctx, name, f.FilePath())
	if err != nil {
		return nil, err
	}
	entries, err := ice.ReadManifest(f, bytes.NewReader(data), true)
	if err != nil {
		return nil, c.unreadable("manifest", f.FilePath(), err)
	}
	return entries, nil
}

func (c *Catalog) fromEntry(name lake.TableName, f ice.DataFile) (lake.DataFile, error) {
	k, ok := c.root.Key(name, f.FilePath())
	if !ok {
		return lake.DataFile{}, lake.Errorf(lake.ErrInvalid, "move the file below the table's data/ directory, or compact the table with the engine that wrote it",
			"data file %s is not a file of table %s", f.FilePath(), name)
	}
	if f.FileFormat() != ice.ParquetFile {
		return lake.DataFile{}, lake.Errorf(lake.ErrInvalid, "write Parquet: set write.format.default=parquet", "data file %s is %s", f.FilePath(), f.FileFormat())
	}
	day, err := dayOf(f.Partition())
	if err != nil {
		return lake.DataFile{}, fmt.Errorf("data file %s: %w", f.FilePath(), err)
	}
	return lake.DataFile{Key: k, Day: day, Rows: f.Count(), Bytes: f.FileSizeBytes()}, nil
}

// dayOf takes the day out of a partition tuple that has only that.
func dayOf(partition map[int]any) (lake.Day, error) {
	for _, v := range partition {
		if len(partition) > 1 {
			break
		}
		switch v := v.(type) {
		case ice.Date:
			return lake.Day(v), nil
		case int32:
			return lake.Day(v), nil
		}
	}
	return 0, lake.Errorf(lake.ErrInvalid, "", "partition %v is not one day", partition)
}

// writer puts the files of one snapshot together.
type writer struct {
	schema   *ice.Schema
	spec     ice.PartitionSpec
	snapshot int64
	sequence int64
}

// maxEntries is how many entries a manifest that this package writes may have.
const maxEntries = 2048

// manifest encodes entries as one manifest that will lie at uri.
func (w writer) manifest(uri string, entries []ice.ManifestEntry) ([]byte, ice.ManifestFile, error) {
	var b bytes.Buffer
	f, err := ice.WriteManifest(uri, &b, 2, w.spec, w.schema, w.snapshot, entries)
	if err != nil {
		return nil, nil, fmt.Errorf("encode manifest: %w", err)
	}
	low := f.MinSequenceNum()
	if low < 0 || low > w.sequence {
		low = w.sequence
	}
	// The sequence number is known here, so that the same value serves the
	// manifest lists of later snapshots too.
	f = ice.NewManifestFile(2, uri, int64(b.Len()), f.PartitionSpecID(), w.snapshot).
		AddedFiles(f.AddedDataFiles()).ExistingFiles(f.ExistingDataFiles()).DeletedFiles(f.DeletedDataFiles()).
		AddedRows(f.AddedRows()).ExistingRows(f.ExistingRows()).DeletedRows(f.DeletedRows()).
		Partitions(f.Partitions()).SequenceNum(w.sequence, low).Build()
	return b.Bytes(), f, nil
}

// list encodes the manifest list of the snapshot.
func (w writer) list(parent *int64, manifests []*manifest) ([]byte, error) {
	files := make([]ice.ManifestFile, len(manifests))
	for i, m := range manifests {
		files[i] = m.file
	}
	var b bytes.Buffer
	if err := ice.WriteManifestList(2, &b, w.snapshot, parent, &w.sequence, 0, files); err != nil {
		return nil, fmt.Errorf("encode manifest list: %w", err)
	}
	return b.Bytes(), nil
}
