// Package column holds table data column by column, in the shape that Parquet
// stores: repetition and definition levels beside dense typed values. Shredding
// produces it, the file format encodes and decodes it, compaction moves it.
package column

import "github.com/eventlake/lake"

// Leaf is a leaf column of a schema with its place in the tree.
type Leaf struct {
	ID   lake.ColumnID
	Type lake.ColumnType
	JSON bool
	Top  int      // index of its top-level column
	Path []string // Parquet path, with "list" and "element" for lists
	// Nodes are the optional or repeated steps on the way from the top-level
	// column to the leaf, the leaf last; the levels count them.
	Nodes  []Node
	MaxDef byte
	MaxRep byte
}

// Node is one column on a leaf's way.
type Node struct {
	ID  lake.ColumnID
	Def byte // definition level from which on the node is present (not null)
	Rep byte // repetition levels at and above the node
}

// Leaves returns the leaf columns in schema order.
func Leaves(s *lake.Schema) []Leaf {
	var out []Leaf
	for i := range s.Columns {
		out = appendLeaves(out, &s.Columns[i], Leaf{Top: i})
	}
	return out
}

func appendLeaves(out []Leaf, c *lake.Column, at Leaf) []Leaf {
	at.Path = extend(at.Path, c.Name)
	if !c.Required {
		at.MaxDef++
	}
	at.Nodes = extend(at.Nodes, Node{c.ID, at.MaxDef, at.MaxRep})
	switch c.Type {
	case lake.TypeStruct:
		for i := range c.Fields {
			out = appendLeaves(out, &c.Fields[i], at)
		}
		return out
	case lake.TypeList:
		at.Path = extend(at.Path, "list")
		at.MaxDef++
		at.MaxRep++
		return appendLeaves(out, &c.Fields[0], at)
	}
	at.ID, at.Type, at.JSON = c.ID, c.Type, c.JSON
	return append(out, at)
}

// extend appends without ever sharing memory with a sibling's path.
func extend[T any](s []T, v T) []T { return append(s[:len(s):len(s)], v) }
