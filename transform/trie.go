package transform

import "bytes"

// slot numbers the mapped fields.
type slot uint8

const (
	slotID slot = iota
	slotName
	slotType
	slotSubtype
	slotTime
	slots
)

// The mapped paths form a tree of keys; a node is a place in it.
const (
	noNode   = 0 // not on the way to a mapped field
	rootNode = 1
)

type node struct {
	children []child
	ends     uint8 // bit a slot: the field of this slot is here
	leads    uint8 // bit a slot: it is here or further down
}

type child struct {
	hash uint64
	key  string
	node uint8
}

// tree is the tree of a mapping together with the top-level keys that the lake
// has a use for itself.
type tree struct {
	nodes []node
	// top is an open-addressed table of the top-level keys to look for.
	top [64]topKey
}

type topKey struct {
	hash  uint64
	key   string
	node  uint8
	taken uint16
}

// field is a mapped field of a Mapping.
type field struct {
	path Path
	slot slot
}

// fields lists the fields, mapped or not.
func (m *Mapping) fields() []field {
	return []field{{m.ID, slotID}, {m.Name, slotName}, {m.Type, slotType}, {m.Subtype, slotSubtype}, {m.Time, slotTime}}
}

func newTree(m *Mapping) *tree {
	t := &tree{nodes: make([]node, rootNode+1)}
	for _, f := range m.fields() {
		if len(f.path) > 0 {
			t.insert(f)
		}
	}
	for _, c := range t.nodes[rootNode].children {
		t.topKey(c.key).node = c.node
	}
	for i, k := range Keys() {
		t.topKey(k).taken = 1 << i
	}
	return t
}

func (t *tree) insert(f field) {
	at := uint8(rootNode)
	for _, key := range f.path {
		at = t.descend(at, key)
		t.nodes[at].leads |= 1 << f.slot
	}
	t.nodes[at].ends |= 1 << f.slot
}

func (t *tree) descend(at uint8, key string) uint8 {
	for _, c := range t.nodes[at].children {
		if c.key == key {
			return c.node
		}
	}
	next := uint8(len(t.nodes))
	t.nodes[at].children = append(t.nodes[at].children, child{textHash([]byte(key)), key, next})
	t.nodes = append(t.nodes, node{})
	return next
}

// topKey returns the entry of a key, made when it is not there. There are at
// most 14, so there is always a free one.
func (t *tree) topKey(key string) *topKey {
	hash := textHash([]byte(key))
	for i := hash; ; i++ {
		e := &t.top[i%uint64(len(t.top))]
		if e.key == "" {
			e.hash, e.key = hash, key
		}
		if e.key == key {
			return e
		}
	}
}

// lookTop returns the entry of a top-level key, nil when there is none.
func (t *tree) lookTop(hash uint64, text []byte) *topKey {
	for i := hash; ; i++ {
		e := &t.top[i%uint64(len(t.top))]
		if e.key == "" {
			return nil
		}
		if e.hash == hash && isText(text, e.key) {
			return e
		}
	}
}

// look returns the node below at that the key leads to, or noNode.
func (t *tree) look(at uint8, hash uint64, text []byte) uint8 {
	for _, c := range t.nodes[at].children {
		if c.hash == hash && isText(text, c.key) {
			return c.node
		}
	}
	return noNode
}

// isText reports whether a string as it stands in a body means want.
func isText(text []byte, want string) bool {
	return string(text) == want || bytes.IndexByte(text, '\\') >= 0 && string(unescaped(text, nil)) == want
}
