package iceberg

import (
	"fmt"

	ice "github.com/apache/iceberg-go"

	"github.com/eventlake/lake"
)

// added makes the entry of a new file.
func (w writer) added(uri string, f lake.DataFile) (ice.ManifestEntry, error) {
	b, err := w.dataFile(uri, f.Day, f.Rows, f.Bytes)
	if err != nil {
		return nil, fmt.Errorf("add %s: %w", f.Key, err)
	}
	if n := len(f.Columns); n > 0 {
		sizes, values, nulls := make(map[int]int64, n), make(map[int]int64, n), make(map[int]int64, n)
		lower, upper := make(map[int][]byte, n), make(map[int][]byte, n)
		for _, c := range f.Columns {
			id := int(c.ID)
			sizes[id], values[id], nulls[id] = c.Bytes, c.Values, c.Nulls
			if c.Lower != nil {
				lower[id] = c.Lower
			}
			if c.Upper != nil {
				upper[id] = c.Upper
			}
		}
		b.ColumnSizes(sizes).ValueCounts(values).NullValueCounts(nulls).LowerBoundValues(lower).UpperBoundValues(upper)
	}
	return ice.NewManifestEntry(ice.EntryStatusADDED, &w.snapshot, nil, nil, b.Build()), nil
}

// kept makes the entry of a file that stays, or that this snapshot deletes.
// uri is where the file lies now.
func (w writer) kept(uri string, old ice.ManifestEntry, deleted bool) (ice.ManifestEntry, error) {
	df := old.DataFile()
	if df.FilePath() != uri {
		day, err := dayOf(df.Partition())
		if err != nil {
			return nil, err
		}
		b, err := w.dataFile(uri, day, df.Count(), df.FileSizeBytes())
		if err != nil {
			return nil, fmt.Errorf("move %s: %w", df.FilePath(), err)
		}
		df = b.ColumnSizes(df.ColumnSizes()).ValueCounts(df.ValueCounts()).NullValueCounts(df.NullValueCounts()).NaNValueCounts(df.NaNValueCounts()).
			LowerBoundValues(df.LowerBoundValues()).UpperBoundValues(df.UpperBoundValues()).SplitOffsets(df.SplitOffsets()).Build()
	}
	status, snapshot, seq := ice.EntryStatusEXISTING, old.SnapshotID(), old.SequenceNum()
	if deleted {
		status, snapshot = ice.EntryStatusDELETED, w.snapshot
	}
	return ice.NewManifestEntry(status, &snapshot, &seq, old.FileSequenceNum(), df), nil
}

func (w writer) dataFile(uri string, day lake.Day, rows, bytes int64) (*ice.DataFileBuilder, error) {
	id := w.spec.Field(0).FieldID
	return ice.NewDataFileBuilder(w.spec, ice.EntryContentData, uri, ice.ParquetFile,
		map[int]any{id: ice.Date(day)}, map[int]string{id: "date"}, nil, rows, bytes)
}
