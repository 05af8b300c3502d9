package crashfs

// Crash takes the power away and returns the file system as the machine finds
// it when it starts again. Operations on the old one, and on its open files,
// fail with ErrDown from now on. Called again on the same FS it returns another
// possible outcome of the same power cut. Faults and the trace do not carry
// over, the limit and the clock do.
func (f *FS) Crash() *FS {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.down = true
	next := New(f.rng.Uint64())
	next.now, next.limit = f.now, f.limit

	// Names: changes in doubt are tried out on the durable ones and undone after.
	kept := f.keptChanges()
	undo := map[*node]map[string]*node{}
	for _, c := range kept {
		for _, d := range []*node{c.clear.dir, c.set.dir} {
			if d != nil && undo[d] == nil {
				undo[d] = cloneNames(d.durable)
			}
		}
		c.keep()
	}
	next.root = f.copyDurable(f.root, next, map[*node]*node{})
	for d, names := range undo {
		d.durable = names
	}
	return next
}

// keptChanges picks the name changes that survive. mu is held.
func (f *FS) keptChanges() []change {
	lost := newMarks()
	mode := f.rng.IntN(4)
	var kept []change
	for _, c := range f.pending {
		keep := mode == 1 || mode > 1 && f.rng.IntN(2) == 0
		if !keep || lost.meet(c) {
			lost.add(c)
			continue
		}
		kept = append(kept, c)
	}
	return kept
}

func cloneNames(names map[string]*node) map[string]*node {
	out := make(map[string]*node, len(names))
	for name, n := range names {
		out[name] = n
	}
	return out
}

// copyDurable copies what a directory holds on the disk. mu is held.
func (f *FS) copyDurable(dir *node, next *FS, done map[*node]*node) *node {
	out := newDir()
	out.modified = dir.modified
	for _, name := range sortedNames(dir.durable) {
		n := dir.durable[name]
		c := done[n]
		switch {
		case c != nil:
		case n.dir:
			c = f.copyDurable(n, next, done)
		default:
			c = &node{data: clip(f.survives(n)), modified: n.modified}
			c.synced = c.data
			next.used += int64(len(c.data))
		}
		done[n] = c
		out.names[name] = c
		out.durable[name] = c
	}
	return out
}

// Kill ends the process but not the machine: the file system that the next
// process finds holds everything written, synced or not, and what was not
// synced is still in doubt. Operations on the old FS and on its open files fail
// with ErrDown from now on. Faults and the trace do not carry over, the limit
// and the clock do. It may be called once; after it the old FS is empty.
func (f *FS) Kill() *FS {
	f.mu.Lock()
	defer f.mu.Unlock()
	next := New(f.rng.Uint64())
	next.now, next.limit, next.used = f.now, f.limit, f.used
	next.root, next.pending = f.root, f.pending
	f.root, f.pending, f.used = newDir(), nil, 0
	f.down = true
	return next
}
