package ingest

import (
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
}

// NewNames returns the set with the names that the ledger holds.
func NewNames(caps Caps, known []lake.Name) *Names {
	n := &Names{caps: caps, durable: map[lake.Name]bool{}, types: map[string]map[string]bool{}}
	for _, name := range known {
		n.add(name)
		n.durable[name] = true
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

// Admit returns the name to use for partitions.
func (n *Names) Admit(name lake.Name) lake.Name {
	n.mu.Lock()
	defer n.mu.Unlock()
	subs, known := n.types[name.Type]
	if !known && len(n.types) >= n.caps.Types {
		name = lake.Name{Type: lake.OtherName, Subtype: lake.OtherName}
	} else if !subs[name.Subtype] && len(subs) >= n.caps.Subtypes {
		name.Subtype = lake.OtherName
	}
	n.add(name)
	return name
}

// undurable returns those of the names that no commit holds yet.
func (n *Names) undurable(names []lake.Name) (out []lake.Name) {
	n.mu.Lock()
	defer n.mu.Unlock()
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
