package crashfs

import (
	"maps"
	"slices"
	"syscall"
)

// Kind is a kind of operation that changes something.
type Kind string

// The operations that are counted. Opening, reading and closing are not.
const (
	Create   Kind = "create"
	Write    Kind = "write"
	Sync     Kind = "sync"
	Truncate Kind = "truncate"
	Rename   Kind = "rename"
	Remove   Kind = "remove"
	Mkdir    Kind = "mkdir"
	SyncDir  Kind = "syncdir"
)

// Op is one counted operation.
type Op struct {
	N    int // from 1, since the FS was made
	Kind Kind
	Path string
}

// Fault makes one operation fail.
type Fault struct {
	// N is the operation that fails, counted from 1 since the FS was made (by
	// New, Crash or Kill).
	N int
	// After says that the operation takes effect and fails nevertheless.
	// Otherwise it fails without effect; a Sync then loses the file's dirty data.
	After bool
	// Short is the part of a Write's bytes, in (0, 1), that is stored before it
	// fails; 0 stores all or nothing, as After says. Other operations ignore it.
	Short float64
	// Err is the error returned; EIO when nil, ErrDown when nil and Halt.
	Err error
	// Halt stops the machine there: this operation and every later one fail
	// with ErrDown, until Crash or Kill starts the next life.
	Halt bool
}

// Inject adds faults.
func (f *FS) Inject(faults ...Fault) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.faults = append(f.faults, faults...)
}

// Fired is how many of the injected faults happened.
func (f *FS) Fired() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.fired
}

// Ops is how many operations were counted so far.
func (f *FS) Ops() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.ops
}

// Trace calls fn for each counted operation, before it happens. fn must not
// use the FS.
func (f *FS) Trace(fn func(Op)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.trace = fn
}

// operate counts an operation and runs its effect, or the fault in its place.
// mu is held.
func (f *FS) operate(kind Kind, path string, effect func() error) error {
	return f.operateShort(kind, path, func(share float64) error {
		if share < 1 {
			return nil
		}
		return effect()
	})
}

// operateShort is operate for an effect that can happen in part; share is 1
// for the whole. mu is held.
func (f *FS) operateShort(kind Kind, path string, effect func(share float64) error) error {
	if f.down {
		return fail(string(kind), path, ErrDown)
	}
	f.ops++
	if f.trace != nil {
		f.trace(Op{f.ops, kind, path})
	}
	i := slices.IndexFunc(f.faults, func(ft Fault) bool { return ft.N == f.ops })
	if i < 0 {
		return effect(1)
	}
	ft := f.faults[i]
	f.fired++
	err := ft.Err
	switch {
	case err == nil && ft.Halt:
		err = ErrDown
	case err == nil:
		err = syscall.EIO
	}
	switch {
	case ft.Short > 0 && kind == Write:
		if e := effect(ft.Short); e != nil {
			err = e
		}
	case ft.After:
		if e := effect(1); e != nil {
			err = e
		}
	}
	if ft.Halt {
		f.down = true
	}
	return fail(string(kind), path, err)
}

func sortedNames(m map[string]*node) []string { return slices.Sorted(maps.Keys(m)) }
