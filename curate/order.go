package curate

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/curate/column"
	"github.com/eventlake/lake/curate/parquetfile"
)

// maxGroupRows bounds a row group, so that readers can skip parts of a file.
const maxGroupRows = 1 << 20

// order is what sorting needs. It works column by column: in memory are where
// each row goes (16 bytes a row), and one column of one row group.
type order struct {
	combined column.Chunk
	gathered column.Chunk
	gather   column.Gatherer
}

type rowRef struct {
	created int64
	source  uint32
	row     uint32
}

// writeSorted cuts the rows, sorted, into files of about the wanted size.
func (m *merger) writeSorted(ctx context.Context) error {
	rows, err := m.sort(ctx)
	if err != nil {
		return err
	}
	count := max(1, (m.bytes+m.config.Limits.FileBytes/2)/m.config.Limits.FileBytes)
	size := (len(rows) + int(count) - 1) / int(count)
	for part := range slices.Chunk(rows, max(1, size)) {
		err := m.writeFile(ctx, sortedPrefix, func(ctx context.Context, w *parquetfile.Writer) error {
			return m.encode(ctx, w, part)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// sort finds the new order of all rows.
func (m *merger) sort(ctx context.Context) ([]rowRef, error) {
	rows := make([]rowRef, 0, m.total)
	created := m.systemLeaf(createdColumn)
	for i, s := range m.sources {
		m.scratch.Reset()
		if err := readLeaf(s.file, s.group, s.rows, created, &m.scratch); err != nil {
			return nil, err
		}
		for r, at := range m.scratch.Ints {
			rows = append(rows, rowRef{at, uint32(i), uint32(r)})
		}
		if err := ctx.Err(); err != nil {
			return nil, err
		}
	}
	slices.SortFunc(rows, compareRows)
	if int64(len(rows)) != m.total {
		return nil, fmt.Errorf("%d rows read, the files have %d: %w", len(rows), m.total, lake.ErrCorrupt)
	}
	return rows, nil
}

func compareRows(a, b rowRef) int {
	switch {
	case a.created != b.created:
		return cmp.Compare(a.created, b.created)
	case a.source != b.source:
		return cmp.Compare(a.source, b.source)
	}
	return cmp.Compare(a.row, b.row)
}

// encode writes the rows in row groups that fit into memory.
func (m *merger) encode(ctx context.Context, w *parquetfile.Writer, rows []rowRef) error {
	// One wide column may hold nearly all of a row, and it is there three times.
	size := min(max(m.config.Limits.Memory/(4*m.width), 1), maxGroupRows)
	for group := range slices.Chunk(rows, int(size)) {
		w.BeginRowGroup(len(group))
		picks := m.pick(group)
		for i := range m.leaves {
			if err := ctx.Err(); err != nil {
				return err
			}
			if err := m.gather(&m.leaves[i], picks); err != nil {
				return err
			}
			if err := w.Column(&m.order.gathered); err != nil {
				return err
			}
		}
		if err := w.EndRowGroup(); err != nil {
			return err
		}
	}
	return nil
}

// picks says which rows of each source a row group takes, and where each of
// its rows lies when they are laid end to end.
type picks struct {
	rows   [][]uint32 // by source, ascending
	lookup []uint32
}

func (m *merger) pick(group []rowRef) picks {
	p := picks{rows: make([][]uint32, len(m.sources)), lookup: make([]uint32, len(group))}
	place := make([][]uint32, len(m.sources)) // of each row of a source that is there, from 1
	for _, r := range group {
		if place[r.source] == nil {
			place[r.source] = make([]uint32, m.sources[r.source].rows)
		}
		place[r.source][r.row] = 1
	}
	n := uint32(0)
	for i := range place {
		for row, there := range place[i] {
			if there > 0 {
				p.rows[i] = append(p.rows[i], uint32(row))
				n++
				place[i][row] = n
			}
		}
	}
	for i, r := range group {
		p.lookup[i] = place[r.source][r.row] - 1
	}
	return p
}

// gather collects a leaf of the picked rows in their new order.
func (m *merger) gather(l *column.Leaf, p picks) error {
	o := &m.order
	o.combined.Reset()
	o.gathered.Reset()
	for i, rows := range p.rows {
		if len(rows) == 0 {
			continue
		}
		s := m.sources[i]
		m.scratch.Reset()
		if err := m.read(s, l, &m.scratch); err != nil {
			return err
		}
		if len(rows) == s.rows {
			o.combined.AppendChunk(l, &m.scratch)
		} else {
			o.gather.Gather(l, &m.scratch, rows, &o.combined)
		}
	}
	o.gather.Gather(l, &o.combined, p.lookup, &o.gathered)
	return nil
}
