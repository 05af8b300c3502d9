package curate

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"strconv"

	"golang.org/x/sync/errgroup"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/curate/column"
	"github.com/eventlake/lake/curate/parquetfile"
)

// Names of data files begin with what they are: as they came, the row groups of
// several of those, or sorted by created_datetime.
const (
	partPrefix   = "part-"
	mergedPrefix = "merged-"
	sortedPrefix = "sorted-"
)

// flush writes the gathered rows, one file a day, and empties the shredder.
// Types are fixed by it: the next rows find the columns as they are then.
func (b *builder) flush(ctx context.Context) error {
	rows := b.shred.Rows()
	if rows == 0 {
		return nil
	}
	b.peak = max(b.peak, b.shred.Bytes())
	b.schema = b.shred.Schema()
	for name, n := range b.shred.Conflicts() {
		b.conflicts[name] += n
	}
	days, to := dealDays(b.shred.Created())
	parts, err := b.encode(days, to, rows)
	if err != nil {
		return err
	}
	if err := b.storeParts(ctx, parts); err != nil {
		return err
	}
	b.shred.Reset()
	return nil
}

// parallelWrites bounds the files that one flush stores at once: making one
// durable is a wait for the disk, and several waits take little longer.
const parallelWrites = 8

// storeParts makes the files durable. After an error those that were stored are
// known to the builder too.
func (b *builder) storeParts(ctx context.Context, parts []part) error {
	files := make([]lake.DataFile, len(parts))
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(parallelWrites)
	for i := range parts {
		p, key := &parts[i], b.key(partPrefix, parts[i].day, len(b.files)+i)
		g.Go(func() (err error) {
			files[i], err = p.store(ctx, b, key)
			return err
		})
	}
	err := g.Wait()
	for _, f := range files {
		if f.Key != "" {
			b.files = append(b.files, f)
			b.rows += f.Rows
			b.bytes += f.Bytes
		}
	}
	return err
}

// dealDays returns the days of the rows and for each row the index of its day.
func dealDays(created []int64) (days []lake.Day, to []uint32) {
	index := map[lake.Day]uint32{}
	to = make([]uint32, len(created))
	last, at := lake.Day(0), uint32(0)
	for i, c := range created {
		day := lake.Instant(c).Day()
		if i == 0 || day != last {
			known, ok := index[day]
			if !ok {
				known = uint32(len(days))
				index[day] = known
				days = append(days, day)
			}
			last, at = day, known
		}
		to[i] = at
	}
	return days, to
}

// part is one day's file in memory.
type part struct {
	day    lake.Day
	data   bytes.Buffer
	writer *parquetfile.Writer
}

func (b *builder) encode(days []lake.Day, to []uint32, rows int) ([]part, error) {
	// A top-level column without any value is left out of the files: readers
	// fill it in as null, as for files older than the column.
	present := b.shred.Present()
	var columns []lake.Column
	for i, c := range b.schema.Columns {
		if present[i] {
			columns = append(columns, c)
		}
	}
	counts := make([]int, len(days))
	for _, d := range to {
		counts[d]++
	}
	parts := make([]part, len(days))
	for i := range parts {
		p := &parts[i]
		p.day = days[i]
		w, err := parquetfile.NewWriter(&p.data, b.enc, columns, footerMeta(b.table, b.schema.LastID))
		if err != nil {
			return nil, err
		}
		w.FilterOn(idColumn)
		w.BeginRowGroup(counts[i])
		p.writer = w
	}
	leaves := column.Leaves(&b.schema)
	dealt := make([]column.Chunk, len(days))
	err := b.shred.Each(func(i int, c *column.Chunk) error {
		switch {
		case !present[leaves[i].Top]:
			return nil
		case len(days) == 1:
			return parts[0].writer.Column(c)
		}
		for d := range dealt {
			dealt[d].Reset()
		}
		c.Scatter(&leaves[i], to, dealt)
		for d := range dealt {
			if err := parts[d].writer.Column(&dealt[d]); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("write %d rows of table %s: %w", rows, b.table, err)
	}
	return parts, nil
}

func footerMeta(t lake.TableName, lastID lake.ColumnID) []parquetfile.Meta {
	return []parquetfile.Meta{
		{Key: "lake.table", Value: string(t)},
		{Key: "lake.last_column_id", Value: strconv.Itoa(int(lastID))},
	}
}

func (b *builder) key(prefix string, day lake.Day, n int) lake.Key {
	return lake.Key(fmt.Sprintf("%s/day=%s/%s%s-%04d.parquet", dataDir(b.table, b.location), day, prefix, b.attempt, n))
}

// store closes the file and makes it durable. Parts may do so at the same time:
// what they share was needed for their columns only.
func (p *part) store(ctx context.Context, b *builder, key lake.Key) (lake.DataFile, error) {
	if err := p.writer.EndRowGroup(); err != nil {
		return lake.DataFile{}, err
	}
	rows, size, stats, err := p.writer.Close()
	if err != nil {
		return lake.DataFile{}, err
	}
	if _, err := b.store.Create(ctx, key, func(w io.Writer) error {
		_, err := w.Write(p.data.Bytes())
		return err
	}); err != nil {
		return lake.DataFile{}, err
	}
	p.data = bytes.Buffer{}
	if b.lateAfter == 0 { // the next cycle asks for them
		b.filters.put(&fileFilter{key: key, groups: p.writer.Filters(), parts: true})
	}
	return lake.DataFile{Key: key, Day: p.day, Rows: rows, Bytes: size, Columns: stats}, nil
}
