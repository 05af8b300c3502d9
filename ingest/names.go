package ingest

import (
	"cmp"
	"slices"
	"sync"

	"github.com/eventlake/lake"
)

// Caps bound how many partitions names can make. Beyond a cap the partition's
// type or subtype is lake.OtherName; the true name stays in the event.
type Caps struct {
	Types    int // distinct types
	Subtypes int // distinct subtypes of one type
}

// Names is the set of admitted names, shared by the workers of a lake. A name
// once admitted stays; the set is part of the ledger's state, so that a name
// gets the same answer after a restart.
type Names struct {
	mu      sync.Mutex
	caps    Caps
	durable map[lake.Name]bool
	types   map[string]map[string]bool
	room    int // bytes that the list of shared names has left

	list   lake.NameList // of shared names; nil: commits keep the names
	asking sync.Mutex    // one asks the list at a time
}

// NewNames returns the set with the names that the ledger holds.
func NewNames(caps Caps, known []lake.Name) *Names {
	n := &Names{caps: caps, durable: map[lake.Name]bool{}, types: map[string]map[string]bool{}, room: lake.MaxNameBytes}
	for _, name := range known {
		n.add(name)
		n.durable[name] = true
		n.room -= name.Bytes()
	}
	return n
}

func (n *Names) add(name lake.Name) {
	subs := n.types[name.Type]
	if subs == nil {
		subs = map[string]bool{}
		n.types[name.Type] = subs
	}
	subs[name.Subtype] = true
}

// Admit returns the name to use for partitions. Of a shared set only Resolve
// tells what others say.
func (n *Names) Admit(name lake.Name) lake.Name {
	n.mu.Lock()
	defer n.mu.Unlock()
	name, _ = n.place(name)
	if n.list == nil {
		n.add(name)
	}
	return name
}

// place is where the caps put the name; fresh tells that it is to be admitted
// first. What has been refused stays so, as nothing else is admitted then that
// could make a place for it.
func (n *Names) place(name lake.Name) (at lake.Name, fresh bool) {
	subs, known := n.types[name.Type]
	full := n.list != nil && n.room < mostBytes
	switch {
	case subs[name.Subtype]:
		return name, false
	case !known && (len(n.types) >= n.caps.Types || full):
		return lake.Name{Type: lake.OtherName, Subtype: lake.OtherName}, false
	case len(subs) >= n.caps.Subtypes || full:
		return lake.Name{Type: name.Type, Subtype: lake.OtherName}, false
	}
	return name, true
}

// undurable returns those of the names that no commit holds yet, and with all
// those of the whole set. A commit that holds events of a name beyond the caps
// holds all names that were there before: were they forgotten by a crash, the
// name would be admitted, and a copy of its event be put in another place.
func (n *Names) undurable(names []lake.Name, all bool) (out []lake.Name) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if all {
		names = slices.Clone(names)
		for typ, subtypes := range n.types {
			for subtype := range subtypes {
				names = append(names, lake.Name{Type: typ, Subtype: subtype})
			}
		}
		slices.SortFunc(names, func(a, b lake.Name) int {
			return cmp.Or(cmp.Compare(a.Type, b.Type), cmp.Compare(a.Subtype, b.Subtype))
		})
		names = slices.Compact(names)
	}
	for _, name := range names {
		if !n.durable[name] {
			out = append(out, name)
		}
	}
	return out
}

// committed notes that a commit holds the names.
func (n *Names) committed(names []lake.Name) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, name := range names {
		n.durable[name] = true
	}
}
