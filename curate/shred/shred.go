// Package shred takes JSON events apart into columns in one pass, and infers
// the columns on the way.
//
// A JSON key gets its column when its first value that is not null (nor an
// empty object or list) comes. The type is fixed at the end of that batch:
// integers become double when the batch has a fraction too, strings become
// timestamptz when all of the batch are RFC 3339 times. After that a value of
// another type goes to a sibling column named for its type (amount__string),
// except an integral fraction that a long can hold and an integer that a double
// can hold. Numbers that no float64 keeps to the digit are kept as text.
//
// Objects become structs and lists of one type become lists. What is nested
// too deep, and lists of mixed types, become a string column of JSON text that
// takes every later value of the key too. Keys beyond the limits on columns
// are collected in one JSON object, the column _rest of their struct or row.
//
// Which column a key's values go to follows from the schema alone: every
// column's Doc holds the key. So a restart goes on where it stopped.
package shred

import (
	"github.com/eventlake/lake"
	"github.com/eventlake/lake/curate/column"
	"github.com/eventlake/lake/raw"
)

// Limits bound a table's columns.
type Limits struct {
	Columns int // leaf columns, system columns included
	Depth   int // nesting of structs and lists; 0 or less: none
	Width   int // columns of one struct
}

// Shredder gathers rows of one table, column by column. It is used by one
// goroutine.
type Shredder struct {
	limits Limits
	lastID lake.ColumnID
	keep   lake.Schema // columns whose ids are used again
	system [systemColumns]column.Chunk
	root   *object
	leaves int
	rows   int
	bytes  int64
	long   []byte // scratch for unescaped keys and times
}

// New returns a Shredder that goes on from the schema; a zero schema is a new
// table's. A new column that keep has at the same place with the same name and
// type gets its id.
func New(schema, keep lake.Schema, limits Limits) *Shredder {
	s := &Shredder{limits: limits, keep: keep, root: newObject(), leaves: systemColumns}
	s.lastID = max(schema.LastID, keep.LastID, systemColumns)
	for _, c := range lake.SystemColumns() {
		s.root.names[c.Name] = true
	}
	for i := range schema.Columns {
		if i >= systemColumns {
			s.adopt(s.root, &schema.Columns[i])
		}
	}
	return s
}

// Rows is the number of rows since the last Reset.
func (s *Shredder) Rows() int { return s.rows }

// Bytes is about the memory that the rows take.
func (s *Shredder) Bytes() int64 {
	return s.bytes + int64(s.rows)*int64(len(s.root.order))
}

// Add adds one row: the event's own members, as raw.Split returns them, and
// the fields that the lake added. After an error the row is not there.
func (s *Shredder) Add(body []byte, f *raw.Fields) error {
	in := scanner{b: body}
	if in.peek() != '{' {
		return corrupt("no object")
	}
	in.i++
	if err := s.members(&in, s.root, s.rows+1, 0); err != nil {
		for _, c := range s.root.order {
			c.truncate(s.rows)
		}
		s.root.extra = s.root.extra[:0]
		return err
	}
	s.rows++
	s.bytes += int64(len(body)) + 160
	s.addSystem(f)
	return nil
}

// Conflicts counts the values since the last Reset that went to a sibling
// column, by the column's path.
func (s *Shredder) Conflicts() map[string]int64 {
	out := map[string]int64{}
	countConflicts(out, "", s.root)
	return out
}

func countConflicts(out map[string]int64, prefix string, o *object) {
	for _, c := range o.order {
		if c.sibling && c.nvalid > 0 {
			out[prefix+c.name] += int64(c.nvalid)
		}
		for e := c; e != nil; e = e.elem {
			if e.obj != nil {
				countConflicts(out, prefix+c.name+".", e.obj)
			}
		}
	}
}

// Reset drops the rows and keeps columns and memory.
func (s *Shredder) Reset() {
	s.rows, s.bytes = 0, 0
	for i := range s.system {
		s.system[i].Reset()
	}
	s.root.prune()
	s.root.reset()
}
