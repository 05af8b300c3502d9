package curate

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/curate/column"
	"github.com/eventlake/lake/curate/parquetfile"
)

// merger rewrites files of one day as sorted ones. It works column by column:
// in memory are where each row goes (24 bytes a row), and one column of one
// row group.
type merger struct {
	config   Config
	table    lake.Table
	files    []lake.DataFile
	attempt  string
	enc      *parquetfile.Encoder
	filters  *filters
	leaves   []column.Leaf
	columns  []lake.Column // the top-level columns that a file has
	width    int64         // uncompressed bytes of a row, about
	sources  []source
	order    []rowRef // all rows in their new order
	added    []lake.DataFile
	total    int64
	combined column.Chunk
	scratch  column.Chunk
	gathered column.Chunk
}

// source is one row group of one file.
type source struct {
	file  *parquetfile.File
	group int
	rows  int
}

type rowRef struct {
	created int64
	source  uint32
	row     uint32
}

func newMerger(c Config, enc *parquetfile.Encoder, known *filters, t lake.Table, files []lake.DataFile) (*merger, error) {
	attempt, err := newAttempt()
	if err != nil {
		return nil, err
	}
	return &merger{config: c, table: t, files: files, attempt: attempt, enc: enc, filters: known}, nil
}

func (m *merger) run(ctx context.Context) (err error) {
	var objects []lake.Object
	defer func() {
		for _, o := range objects {
			err = errors.Join(err, o.Close())
		}
	}()
	for _, f := range m.files {
		obj, err := m.config.Store.Open(ctx, f.Key)
		if err != nil {
			return err
		}
		objects = append(objects, obj)
		if err := m.addSource(f, obj); err != nil {
			return f.Key.Named(err)
		}
	}
	m.chooseColumns()
	if err := m.sort(ctx); err != nil {
		return err
	}
	if err := m.checkIDs(); err != nil {
		return err
	}
	return m.writeFiles(ctx)
}

// addSource checks a file before it is replaced: its size, every byte's
// checksum and its rows.
func (m *merger) addSource(f lake.DataFile, obj lake.Object) error {
	if obj.Size() != f.Bytes {
		return fmt.Errorf("%d bytes, the catalog says %d: %w", obj.Size(), f.Bytes, lake.ErrCorrupt)
	}
	if err := parquetfile.Verify(obj, obj.Size()); err != nil {
		return err
	}
	pf, err := parquetfile.Open(obj, obj.Size())
	if err != nil {
		return err
	}
	if pf.Rows() != f.Rows {
		return fmt.Errorf("%d rows, the catalog says %d: %w", pf.Rows(), f.Rows, lake.ErrCorrupt)
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

// sort finds the new order of all rows.
func (m *merger) sort(ctx context.Context) error {
	m.order = make([]rowRef, 0, m.total)
	created := m.systemLeaf(4)
	for i, s := range m.sources {
		m.scratch.Reset()
		if err := readLeaf(s.file, s.group, s.rows, created, &m.scratch); err != nil {
			return err
		}
		for r, at := range m.scratch.Ints {
			m.order = append(m.order, rowRef{at, uint32(i), uint32(r)})
		}
		if err := ctx.Err(); err != nil {
			return err
		}
	}
	slices.SortFunc(m.order, func(a, b rowRef) int {
		return cmp.Or(cmp.Compare(a.created, b.created), cmp.Compare(a.source, b.source), cmp.Compare(a.row, b.row))
	})
	if int64(len(m.order)) != m.total {
		return fmt.Errorf("%d rows read, the files have %d: %w", len(m.order), m.total, lake.ErrCorrupt)
	}
	return nil
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
	leaf := m.systemLeaf(1)
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
	slices.SortFunc(ids, func(a, b lake.ID) int { return slices.Compare(a[:], b[:]) })
	for i := 1; i < len(ids); i++ {
		if ids[i] == ids[i-1] {
			return lake.Errorf(lake.ErrCorrupt, "run: lake verify; then lake rebuild of the table", "event %s is twice in the day", ids[i])
		}
	}
	return nil
}

// writeFiles cuts the rows into files of about the wanted size.
func (m *merger) writeFiles(ctx context.Context) error {
	bytes := int64(0)
	for _, f := range m.files {
		bytes += f.Bytes
	}
	count := max(1, (bytes+m.config.Limits.FileBytes/2)/m.config.Limits.FileBytes)
	size := (len(m.order) + int(count) - 1) / int(count)
	for part := range slices.Chunk(m.order, max(1, size)) {
		if err := m.writeFile(ctx, part); err != nil {
			return err
		}
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

func (m *merger) writeFile(ctx context.Context, rows []rowRef) error {
	key := lake.Key(fmt.Sprintf("%s/day=%s/%s%s-%04d.parquet", dataDir(m.table.Name, m.table.Location),
		m.files[0].Day, sortedPrefix, m.attempt, len(m.added)))
	f := lake.DataFile{Key: key, Day: m.files[0].Day}
	filter := &fileFilter{key: key, parts: true}
	_, err := m.config.Store.Create(ctx, key, func(out io.Writer) error {
		w, err := m.encode(ctx, out, rows)
		if err != nil {
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

// maxGroupRows bounds a row group, so that readers can skip parts of a file.
const maxGroupRows = 1 << 20

func (m *merger) encode(ctx context.Context, out io.Writer, rows []rowRef) (*parquetfile.Writer, error) {
	w, err := parquetfile.NewWriter(out, m.enc, m.columns, footerMeta(m.table.Name, m.table.Schema.LastID))
	if err != nil {
		return nil, err
	}
	w.FilterOn(idColumn)
	// One wide column may hold nearly all of a row, and it is there three times.
	size := min(max(m.config.Limits.Memory/(4*m.width), 1), maxGroupRows)
	for group := range slices.Chunk(rows, int(size)) {
		w.BeginRowGroup(len(group))
		picks := m.pick(group)
		for i := range m.leaves {
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			if err := m.gather(&m.leaves[i], picks); err != nil {
				return nil, err
			}
			if err := w.Column(&m.gathered); err != nil {
				return nil, err
			}
		}
		if err := w.EndRowGroup(); err != nil {
			return nil, err
		}
	}
	return w, nil
}

// picks says which rows of each source a row group takes, and where each of
// its rows lies when they are laid end to end.
type picks struct {
	rows   map[uint32][]uint32 // by source, ascending
	order  []uint32            // sources that are there
	lookup []uint32
}

func (m *merger) pick(group []rowRef) picks {
	p := picks{rows: map[uint32][]uint32{}, lookup: make([]uint32, len(group))}
	for _, r := range group {
		p.rows[r.source] = append(p.rows[r.source], r.row)
	}
	base := map[uint32]uint32{}
	at := uint32(0)
	for i := range m.sources {
		rows := p.rows[uint32(i)]
		if len(rows) == 0 {
			continue
		}
		slices.Sort(rows)
		p.order = append(p.order, uint32(i))
		base[uint32(i)] = at
		at += uint32(len(rows))
	}
	for i, r := range group {
		n, _ := slices.BinarySearch(p.rows[r.source], r.row)
		p.lookup[i] = base[r.source] + uint32(n)
	}
	return p
}

// gather collects a leaf of the picked rows in their new order.
func (m *merger) gather(l *column.Leaf, p picks) error {
	m.combined.Reset()
	m.gathered.Reset()
	for _, i := range p.order {
		s := m.sources[i]
		m.scratch.Reset()
		if err := m.read(s, l); err != nil {
			return err
		}
		m.scratch.Gather(l, p.rows[i], &m.combined)
	}
	m.combined.Gather(l, p.lookup, &m.gathered)
	return nil
}

// read reads a leaf of a source. A leaf younger than the file is null, within
// the structs and lists that the file has: their levels are taken from a
// column beside it.
func (m *merger) read(s source, l *column.Leaf) error {
	if s.file.Has(l.ID) {
		return readLeaf(s.file, s.group, s.rows, l, &m.scratch)
	}
	for depth := len(l.Nodes) - 2; depth >= 0; depth-- {
		node := l.Nodes[depth]
		for i := range m.leaves {
			o := &m.leaves[i]
			if !s.file.Has(o.ID) || len(o.Nodes) <= depth || o.Nodes[depth].ID != node.ID {
				continue
			}
			if err := readLeaf(s.file, s.group, s.rows, o, &m.scratch); err != nil {
				return err
			}
			m.scratch.Stub(o, l, node)
			return nil
		}
	}
	m.scratch.Slots = s.rows
	m.scratch.Def = append(m.scratch.Def, make([]byte, s.rows)...)
	if l.MaxRep > 0 {
		m.scratch.Rep = append(m.scratch.Rep, make([]byte, s.rows)...)
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
