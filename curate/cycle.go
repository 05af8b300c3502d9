package curate

import (
	"cmp"
	"slices"

	"github.com/eventlake/lake"
)

// pending is the backlog as one call of Once sees it: which raw files their
// tables do not have yet.
type pending struct {
	open []lake.File // not in their tables, in commit order
	done []lake.File
}

func splitPending(files []lake.File, table func(lake.TableName) (lake.Table, error)) (pending, error) {
	var p pending
	tables := map[lake.TableName]lake.Table{} // of a new table there may be thousands of files
	for _, f := range files {
		if f.Kind != lake.KindRaw && f.Kind != "" {
			continue
		}
		name := f.Partition.Table()
		t, ok := tables[name]
		if !ok {
			var err error
			if t, err = table(name); err != nil {
				return p, err
			}
			tables[name] = t
		}
		if t.Has(f) {
			p.done = append(p.done, f)
		} else {
			p.open = append(p.open, f)
		}
	}
	return p, nil
}

// mark is how far the backlog may forget: behind no file that is open.
func (p *pending) mark() map[lake.ShardID]lake.Position {
	limit := map[lake.ShardID]lake.Position{}
	for _, f := range p.open {
		if have, ok := limit[f.Shard]; !ok || have.After(f.Span.After) {
			limit[f.Shard] = f.Span.After
		}
	}
	mark := map[lake.ShardID]lake.Position{}
	for _, f := range p.done {
		if stop, ok := limit[f.Shard]; ok && f.Span.To.After(stop) {
			continue
		}
		if f.Span.To.After(mark[f.Shard]) {
			mark[f.Shard] = f.Span.To
		}
	}
	return mark
}

// unit is the input of one table commit.
type unit struct {
	table lake.TableName
	files []lake.File
}

// units cuts the next cycle from the open files: about so many bytes or files in
// commit order, by table. A table's consumed position moves to the end of what it
// takes, so every file of the table that begins before that end comes along.
func (p *pending) units(bytes int64, count int, skip map[lake.TableName]error) []unit {
	byTable := map[lake.TableName][]lake.File{}
	ends := map[lake.TableName]map[lake.ShardID]lake.Position{}
	var left []lake.File
	for _, f := range p.open {
		t := f.Partition.Table()
		if skip[t] != nil {
			continue
		}
		if bytes <= 0 || count <= 0 {
			left = append(left, f)
			continue
		}
		bytes -= f.Bytes
		count--
		byTable[t] = append(byTable[t], f)
		extend(ends, t, f)
	}
	for again := true; again; {
		again = false
		rest := left[:0]
		for _, f := range left {
			t := f.Partition.Table()
			if end, ok := ends[t][f.Shard]; ok && end.After(f.Span.After) {
				byTable[t] = append(byTable[t], f)
				extend(ends, t, f)
				again = true
				continue
			}
			rest = append(rest, f)
		}
		left = rest
	}
	out := make([]unit, 0, len(byTable))
	for t, files := range byTable {
		out = append(out, unit{t, files})
	}
	slices.SortFunc(out, func(a, b unit) int { return cmp.Compare(a.table, b.table) })
	return out
}

func extend(ends map[lake.TableName]map[lake.ShardID]lake.Position, t lake.TableName, f lake.File) {
	if ends[t] == nil {
		ends[t] = map[lake.ShardID]lake.Position{}
	}
	if f.Span.To.After(ends[t][f.Shard]) {
		ends[t][f.Shard] = f.Span.To
	}
}
