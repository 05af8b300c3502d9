package catalog

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/apache/iceberg-go"
	"github.com/apache/iceberg-go/table"

	"github.com/eventlake/lake"
)

// manifest is a manifest file of a snapshot with the data files that it says
// are live.
type manifest struct {
	file iceberg.ManifestFile
	live []lake.DataFile // without Columns: those are read again when they move
}

// rowDeletes reports whether the manifest tells of rows deleted inside files.
func (m *manifest) rowDeletes() bool {
	return m.file.ManifestContent() != iceberg.ManifestContentData && (m.file.HasAddedFiles() || m.file.HasExistingFiles())
}

// readManifests reads the manifest list of a snapshot and those of its
// manifests that are not known.
func (c *Catalog) readManifests(ctx context.Context, name lake.TableName, snap table.Snapshot, known map[string]*manifest) ([]*manifest, error) {
	files, err := c.readList(ctx, name, snap)
	if err != nil {
		return nil, err
	}
	out := make([]*manifest, len(files))
	for i, f := range files {
		m, ok := known[f.FilePath()]
		if !ok {
			m = &manifest{file: f}
			if f.ManifestContent() == iceberg.ManifestContentData {
				if m.live, err = c.readLive(ctx, name, f); err != nil {
					return nil, err
				}
			}
		}
		out[i] = m
	}
	return out, nil
}

func (c *Catalog) readList(ctx context.Context, name lake.TableName, snap table.Snapshot) ([]iceberg.ManifestFile, error) {
	data, _, err := c.read(ctx, name, snap.ManifestList)
	if err != nil {
		return nil, err
	}
	return listIn(data, snap.ManifestList)
}

// listIn parses a manifest list.
func listIn(data []byte, uri string) ([]iceberg.ManifestFile, error) {
	files, err := iceberg.ReadManifestList(bytes.NewReader(data))
	if err != nil {
		return nil, unreadable("manifest list", uri, err)
	}
	return files, nil
}

// readLive reads the live data files of a manifest, without column statistics.
func (c *Catalog) readLive(ctx context.Context, name lake.TableName, f iceberg.ManifestFile) ([]lake.DataFile, error) {
	data, _, err := c.read(ctx, name, f.FilePath())
	if err != nil {
		return nil, err
	}
	return c.liveIn(name, data, f)
}

// liveIn parses a manifest.
func (c *Catalog) liveIn(name lake.TableName, data []byte, f iceberg.ManifestFile) (live []lake.DataFile, err error) {
	r, err := iceberg.NewManifestReaderWithProjection(f, bytes.NewReader(data), iceberg.ManifestEntryProjection{})
	if err != nil {
		return nil, unreadable("manifest", f.FilePath(), err)
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	for {
		e, err := r.ReadEntry()
		if errors.Is(err, io.EOF) {
			return live, nil
		}
		if err != nil {
			return nil, unreadable("manifest", f.FilePath(), err)
		}
		if e.Status() == iceberg.EntryStatusDELETED {
			continue
		}
		df, err := c.fromEntry(name, e.DataFile())
		if err != nil {
			return nil, unreadable("manifest", f.FilePath(), err)
		}
		live = append(live, df)
	}
}

// readEntries reads the live entries of a manifest with everything in them.
func (c *Catalog) readEntries(ctx context.Context, name lake.TableName, f iceberg.ManifestFile) ([]iceberg.ManifestEntry, error) {
	data, _, err := c.read(ctx, name, f.FilePath())
	if err != nil {
		return nil, err
	}
	entries, err := iceberg.ReadManifest(f, bytes.NewReader(data), true)
	if err != nil {
		return nil, unreadable("manifest", f.FilePath(), err)
	}
	return entries, nil
}

func (c *Catalog) fromEntry(name lake.TableName, f iceberg.DataFile) (lake.DataFile, error) {
	k, ok := c.place.key(name, f.FilePath())
	if !ok {
		return lake.DataFile{}, lake.Errorf(lake.ErrInvalid, "move the file below the table's data/ directory, or compact the table with the engine that wrote it",
			"data file %s is not a file of table %s", f.FilePath(), name)
	}
	if f.FileFormat() != iceberg.ParquetFile {
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
		case iceberg.Date:
			return lake.Day(v), nil
		case int32:
			return lake.Day(v), nil
		}
	}
	return 0, lake.Errorf(lake.ErrInvalid, "", "partition %v is not one day", partition)
}

// writer puts the files of one snapshot together.
type writer struct {
	schema   *iceberg.Schema
	spec     iceberg.PartitionSpec
	snapshot int64
	sequence int64
}

// maxEntries is how many entries a manifest that this package writes may have.
const maxEntries = 2048

// manifest encodes entries as one manifest that will lie at uri.
func (w writer) manifest(uri string, entries []iceberg.ManifestEntry) ([]byte, iceberg.ManifestFile, error) {
	var b bytes.Buffer
	f, err := iceberg.WriteManifest(uri, &b, 2, w.spec, w.schema, w.snapshot, entries)
	if err != nil {
		return nil, nil, fmt.Errorf("encode manifest: %w", err)
	}
	low := f.MinSequenceNum()
	if low < 0 || low > w.sequence {
		low = w.sequence
	}
	// The sequence number is known here, so that the same value serves the
	// manifest lists of later snapshots too.
	f = iceberg.NewManifestFile(2, uri, int64(b.Len()), f.PartitionSpecID(), w.snapshot).
		AddedFiles(f.AddedDataFiles()).ExistingFiles(f.ExistingDataFiles()).DeletedFiles(f.DeletedDataFiles()).
		AddedRows(f.AddedRows()).ExistingRows(f.ExistingRows()).DeletedRows(f.DeletedRows()).
		Partitions(f.Partitions()).SequenceNum(w.sequence, low).Build()
	return b.Bytes(), f, nil
}

// list encodes the manifest list of the snapshot.
func (w writer) list(parent *int64, manifests []*manifest) ([]byte, error) {
	files := make([]iceberg.ManifestFile, len(manifests))
	for i, m := range manifests {
		files[i] = m.file
	}
	var b bytes.Buffer
	if err := iceberg.WriteManifestList(2, &b, w.snapshot, parent, &w.sequence, 0, files); err != nil {
		return nil, fmt.Errorf("encode manifest list: %w", err)
	}
	return b.Bytes(), nil
}
