package curate

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/curate/column"
	"github.com/eventlake/lake/curate/parquetfile"
)

// Row groups are merged as they are when they have that many rows in the mean
// and make no more than that many in a file: then opening the file costs little.
// In a large file, which stays as it is, they have to be large too: of about a
// megabyte, as much as readers of object stores fetch at a time.
const (
	copiedRows   = 2 << 10
	largeRows    = 16 << 10
	copiedGroups = 128
)

// merger makes larger files of those of one day: it copies their row groups as
// they are, or writes their rows anew in the order of created_datetime. A row is
// so sorted once at most, when the file that it comes to is large, and not at
// each step on the way there; rows that came so quickly that their row groups are
// large and in good order already, only when that is asked for.
type merger struct {
	config  Config
	table   lake.Table
	files   []lake.DataFile
	bytes   int64
	sorted  bool // sort, whatever the files are
	attempt string
	enc     *parquetfile.Encoder
	filters *filters
	objects []lake.Object
	leaves  []column.Leaf
	columns []lake.Column // the top-level columns that a file has
	width   int64         // uncompressed bytes of a row, about
	sources []source
	added   []lake.DataFile
	total   int64
	order   order
	scratch column.Chunk
}

// source is one row group of one file.
type source struct {
	file  *parquetfile.File
	group int
	rows  int
}

func newMerger(c Config, enc *parquetfile.Encoder, known *filters, t lake.Table, files []lake.DataFile, sorted bool) (*merger, error) {
	attempt, err := newAttempt()
	if err != nil {
		return nil, err
	}
	m := &merger{config: c, table: t, files: files, sorted: sorted, attempt: attempt, enc: enc, filters: known}
	for _, f := range files {
		m.bytes += f.Bytes
	}
	return m, nil
}

func (m *merger) run(ctx context.Context) (err error) {
	defer func() {
		for _, o := range m.objects {
			err = errors.Join(err, o.Close())
		}
	}()
	for _, f := range m.files {
		if err := m.open(ctx, f); err != nil {
			return f.Key.Named(err)
		}
	}
	m.chooseColumns()
	if err := m.checkIDs(); err != nil {
		return err
	}
	if m.asTheyAre() {
		err = m.writeFile(ctx, mergedPrefix, m.copyGroups)
	} else {
		err = m.writeSorted(ctx)
	}
	if err != nil {
		return err
	}
	rows := int64(0)
	for _, f := range m.added {
		rows += f.Rows
	}
	if rows != m.total {
		return fmt.Errorf("%d rows written of %d: %w", rows, m.total, lake.ErrCorrupt)
	}
	return nil
}

// asTheyAre reports whether row groups are copied.
func (m *merger) asTheyAre() bool {
	least := int64(copiedRows)
	if m.bytes > m.config.Limits.FileBytes/2 {
		least = largeRows
	}
	return !m.sorted && len(m.sources) <= copiedGroups && m.total >= least*int64(len(m.sources))
}

// open checks a file before it is replaced: its size, every byte's checksum
// and its rows. Files that fit into memory are read once.
func (m *merger) open(ctx context.Context, f lake.DataFile) error {
	obj, err := m.config.Store.Open(ctx, f.Key)
	if err != nil {
		return err
	}
	m.objects = append(m.objects, obj)
	if obj.Size() != f.Bytes {
		return fmt.Errorf("%d bytes, the catalog says %d: %w", obj.Size(), f.Bytes, lake.ErrCorrupt)
	}
	var r io.ReaderAt = obj
	if m.bytes <= m.config.Limits.Memory/4 {
		data := make([]byte, f.Bytes)
		if _, err := io.ReadFull(io.NewSectionReader(obj, 0, f.Bytes), data); err != nil {
			return err
		}
		r = bytes.NewReader(data)
	}
	pf, err := openWhole(r, f, true)
	if err != nil {
		return err
	}
	for g, rows := range pf.Groups() {
		m.sources = append(m.sources, source{pf, g, rows})
	}
	m.total += f.Rows
	m.width += pf.Bytes()
	return nil
}

func (m *merger) chooseColumns() {
	has := map[int]bool{}
	for _, l := range column.Leaves(&m.table.Schema) {
		for _, s := range m.sources {
			if s.file.Has(l.ID) {
				has[l.Top] = true
				break
			}
		}
	}
	for i, c := range m.table.Schema.Columns {
		if has[i] {
			m.columns = append(m.columns, c)
		}
	}
	m.leaves = column.Leaves(&lake.Schema{Columns: m.columns})
	m.width = max(1, m.width/max(1, m.total))
}

// systemLeaf is one of the required columns, by its id.
func (m *merger) systemLeaf(id lake.ColumnID) *column.Leaf {
	for i := range m.leaves {
		if m.leaves[i].ID == id {
			return &m.leaves[i]
		}
	}
	return nil
}

// checkIDs refuses to seal a day that holds an event twice.
func (m *merger) checkIDs() error {
	leaf := m.systemLeaf(idColumn)
	ids := make([]lake.ID, 0, m.total)
	for _, s := range m.sources {
		m.scratch.Reset()
		if err := readLeaf(s.file, s.group, s.rows, leaf, &m.scratch); err != nil {
			return err
		}
		for i := range s.rows {
			ids = append(ids, parquetfile.ID(&m.scratch, i))
		}
	}
	slices.SortFunc(ids, lake.ID.Compare)
	for i := 1; i < len(ids); i++ {
		if ids[i] == ids[i-1] {
			return lake.Errorf(lake.ErrCorrupt, "run: lake verify; then lake rebuild of the table", "event %s is twice in the day", ids[i])
		}
	}
	return nil
}

// writeFile writes one file with what fill puts into it.
func (m *merger) writeFile(ctx context.Context, prefix string, fill func(context.Context, *parquetfile.Writer) error) error {
	key := lake.Key(fmt.Sprintf("%s/day=%s/%s%s-%04d.parquet", dataDir(m.table.Name, m.table.Location),
		m.files[0].Day, prefix, m.attempt, len(m.added)))
	f := lake.DataFile{Key: key, Day: m.files[0].Day}
	filter := &fileFilter{key: key, parts: true}
	_, err := m.config.Store.Create(ctx, key, func(out io.Writer) error {
		w, err := parquetfile.NewWriter(out, m.enc, m.columns, footerMeta(m.table.Name, m.table.Schema.LastID))
		if err != nil {
			return err
		}
		w.FilterOn(idColumn)
		if err := fill(ctx, w); err != nil {
			return err
		}
		filter.groups = w.Filters()
		f.Rows, f.Bytes, f.Columns, err = w.Close()
		return err
	})
	if err != nil {
		return err
	}
	if m.config.LateAfter == 0 {
		m.filters.put(filter)
	}
	m.added = append(m.added, f)
	return nil
}

// copyGroups writes the row groups as they are, one behind the other. Only
// columns that a file lacks, or has with a narrower type, are encoded.
func (m *merger) copyGroups(ctx context.Context, w *parquetfile.Writer) error {
	for _, s := range m.sources {
		w.BeginRowGroup(s.rows)
		for i := range m.leaves {
			if err := ctx.Err(); err != nil {
				return err
			}
			if w.CanCopy(s.file) {
				if err := w.Copy(s.file, s.group, &m.scratch); err != nil {
					return err
				}
				continue
			}
			m.scratch.Reset()
			if err := m.read(s, &m.leaves[i], &m.scratch); err != nil {
				return err
			}
			if err := w.Column(&m.scratch); err != nil {
				return err
			}
		}
		if err := w.EndRowGroup(); err != nil {
			return err
		}
	}
	return nil
}

// read reads a leaf of a source. A leaf younger than the file is null, within
// the structs and lists that the file has: their levels are taken from a
// column beside it.
func (m *merger) read(s source, l *column.Leaf, c *column.Chunk) error {
	if s.file.Has(l.ID) {
		return readLeaf(s.file, s.group, s.rows, l, c)
	}
	for depth := len(l.Nodes) - 2; depth >= 0; depth-- {
		node := l.Nodes[depth]
		for i := range m.leaves {
			o := &m.leaves[i]
			if !s.file.Has(o.ID) || len(o.Nodes) <= depth || o.Nodes[depth].ID != node.ID {
				continue
			}
			if err := readLeaf(s.file, s.group, s.rows, o, c); err != nil {
				return err
			}
			c.Stub(o, l, node)
			return nil
		}
	}
	c.Slots = s.rows
	c.Def = append(c.Def, make([]byte, s.rows)...)
	if l.MaxRep > 0 {
		c.Rep = append(c.Rep, make([]byte, s.rows)...)
	}
	return nil
}

func (m *merger) discard(ctx context.Context) error {
	var errs []error
	for _, f := range m.added {
		errs = append(errs, m.config.Store.Delete(ctx, f.Key))
	}
	return errors.Join(errs...)
}
