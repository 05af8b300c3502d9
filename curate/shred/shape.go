package shred

import "github.com/eventlake/lake"

// shape is what a list holds: lists nest deep and one type of leaf.
type shape struct {
	nest  int // 1 is a list of leaves
	leaf  shapeLeaf
	exact bool // long leaves that float64 keeps
}

type shapeLeaf uint8

const (
	shapeNone shapeLeaf = iota // nulls only, or nothing
	shapeBool
	shapeLong
	shapeDouble
	shapeString
	shapeStruct
	shapeMixed
)

func (l shapeLeaf) columnType() lake.ColumnType {
	switch l {
	case shapeBool:
		return lake.TypeBool
	case shapeLong:
		return lake.TypeLong
	case shapeDouble:
		return lake.TypeDouble
	case shapeStruct:
		return lake.TypeStruct
	}
	return lake.TypeString
}

var mixed = shape{leaf: shapeMixed}

// shape looks a list over, at its bracket; deep is how many levels of nesting
// there is room for, structs counted.
func (s *scanner) shape(deep int) (shape, error) {
	s.i++
	sum := shape{nest: 1, exact: true}
	for {
		c := s.peek()
		var sh shape
		var err error
		switch c {
		case ']':
			s.i++
			return sum, nil
		case ',':
			s.i++
			continue
		case 0, '}', ':':
			return mixed, corrupt("byte %d: a list has no end", s.i)
		case 'n':
			if err := s.null(); err != nil {
				return mixed, err
			}
			continue
		case '[':
			if deep < 2 {
				return mixed, nil
			}
			if sh, err = s.shape(deep - 1); err != nil {
				return mixed, err
			}
			sh.nest++
		case '{':
			if deep < 2 {
				return mixed, nil
			}
			if _, err = s.skip(); err != nil {
				return mixed, err
			}
			sh = shape{1, shapeStruct, true}
		case '"':
			if _, _, err = s.text(); err != nil {
				return mixed, err
			}
			sh = shape{1, shapeString, true}
		default:
			sh = tokenShape(s.token())
		}
		if sum = unify(sum, sh); sum.leaf == shapeMixed {
			return mixed, nil
		}
	}
}

func tokenShape(tok []byte) shape {
	if string(tok) == "true" || string(tok) == "false" {
		return shape{1, shapeBool, true}
	}
	switch kind, i, _ := number(tok); kind {
	case numLong:
		return shape{1, shapeLong, fitsFloat(i)}
	case numFloat:
		return shape{1, shapeDouble, true}
	}
	return mixed
}

// unify returns the shape that holds both.
func unify(a, b shape) shape {
	switch {
	case a.leaf == shapeMixed || b.leaf == shapeMixed:
		return mixed
	case a.leaf == shapeNone && a.nest <= b.nest:
		return b
	case b.leaf == shapeNone && b.nest <= a.nest:
		return a
	case a.nest != b.nest:
		return mixed
	}
	u := shape{a.nest, a.leaf, a.exact && b.exact}
	numbers := func(l shapeLeaf) bool { return l == shapeLong || l == shapeDouble }
	switch {
	case a.leaf == b.leaf:
		return u
	case numbers(a.leaf) && numbers(b.leaf) && u.exact:
		u.leaf = shapeDouble
		return u
	}
	return mixed
}

// fits reports whether the list column takes lists of the shape; a new column
// of integers is widened when it must be.
func (n *node) fits(sh shape) bool {
	for ; sh.nest > 1; sh.nest-- {
		if n.elem == nil {
			if sh.leaf == shapeNone {
				return true
			}
			return n.isNew()
		}
		if n = n.elem; n.kind != lake.TypeList {
			return false
		}
	}
	e := n.elem
	switch {
	case sh.leaf == shapeNone:
		return true
	case e == nil:
		return n.isNew()
	case sh.leaf == shapeLong && e.kind == lake.TypeDouble:
		return sh.exact
	case sh.leaf == shapeDouble && e.kind == lake.TypeLong:
		return e.widen()
	}
	return e.kind == sh.leaf.columnType()
}
