package crashfs

import (
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/eventlake/lake/local/disk"
)

// entry is one name in one directory.
type entry struct {
	dir  *node
	name string
}

// change is one atomic change of names: at most one name goes, at most one is
// set. node is what the change is about, replaced what the set name meant before.
type change struct {
	clear    entry // dir is nil when no name goes
	set      entry // dir is nil when no name is set
	node     *node
	replaced *node
}

func (c change) touches(dir *node) bool { return c.clear.dir == dir || c.set.dir == dir }

// keep makes the change true on the disk.
func (c change) keep() {
	if c.clear.dir != nil && c.clear.dir.durable[c.clear.name] == c.node {
		delete(c.clear.dir.durable, c.clear.name)
	}
	if c.set.dir != nil {
		c.set.dir.durable[c.set.name] = c.node
	}
}

// marks collects the names and nodes of changes, to find those that depend on
// each other.
type marks struct {
	entries map[entry]bool
	nodes   map[*node]bool
}

func newMarks() marks { return marks{map[entry]bool{}, map[*node]bool{}} }

func (m marks) add(c change) {
	for _, e := range []entry{c.clear, c.set} {
		if e.dir != nil {
			m.entries[e] = true
		}
	}
	m.nodes[c.node] = true
	if c.replaced != nil {
		m.nodes[c.replaced] = true
	}
}

func (m marks) meet(c change) bool {
	return m.nodes[c.node] || c.replaced != nil && m.nodes[c.replaced] ||
		c.clear.dir != nil && m.entries[c.clear] || c.set.dir != nil && m.entries[c.set]
}

// commit makes the pending changes of dir durable, and the earlier ones that
// they rest on. mu is held.
func (f *FS) commit(dir *node) {
	need := newMarks()
	take := make([]bool, len(f.pending))
	for i := len(f.pending) - 1; i >= 0; i-- {
		if c := f.pending[i]; c.touches(dir) || need.meet(c) {
			take[i] = true
			need.add(c)
		}
	}
	rest := f.pending[:0]
	for i, c := range f.pending {
		if take[i] {
			c.keep()
		} else {
			rest = append(rest, c)
		}
	}
	clear(f.pending[len(rest):])
	f.pending = rest
}

// Create implements disk.FS.
func (f *FS) Create(path string) (disk.File, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	dir, name, err := f.parent("create", path)
	if err != nil {
		return nil, err
	}
	n := dir.names[name]
	if name == "" || n != nil && n.dir {
		return nil, fail("create", path, syscall.EISDIR)
	}
	err = f.operate(Create, path, func() error {
		if n == nil {
			n = &node{}
			dir.names[name] = n
			f.pending = append(f.pending, change{set: entry{dir, name}, node: n})
		} else {
			f.setLength(n, 0)
		}
		n.modified = f.now()
		return nil
	})
	if err != nil {
		return nil, err
	}
	return f.handle(file{node: n, path: path, writable: true}), nil
}

// Open implements disk.FS.
func (f *FS) Open(path string) (disk.File, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	n, err := f.find("open", path)
	if err != nil {
		return nil, err
	}
	return f.handle(file{node: n, path: path}), nil
}

// Append implements disk.FS.
func (f *FS) Append(path string) (disk.File, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	n, err := f.find("open", path)
	if err != nil {
		return nil, err
	}
	if n.dir {
		return nil, fail("open", path, syscall.EISDIR)
	}
	return f.handle(file{node: n, path: path, writable: true, atEnd: true}), nil
}

// unlink gives a file's room back; open handles can still use it. mu is held.
func (f *FS) unlink(n *node) {
	f.used -= int64(len(n.data))
	n.unlinked = true
}

// Rename implements disk.FS.
func (f *FS) Rename(oldPath, newPath string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	from, oldName, err := f.parent("rename", oldPath)
	if err != nil {
		return err
	}
	to, newName, err := f.parent("rename", newPath)
	if err != nil {
		return err
	}
	n, old := from.names[oldName], to.names[newName]
	switch {
	case oldName == "" || newName == "":
		return fail("rename", newPath, syscall.EBUSY)
	case n == nil:
		return fail("rename", oldPath, syscall.ENOENT)
	case old != nil && old.dir: // as package os, even when it is empty
		return fail("rename", newPath, syscall.EEXIST)
	case n.dir && strings.HasPrefix(filepath.Clean(newPath)+"/", filepath.Clean(oldPath)+"/"):
		return fail("rename", newPath, syscall.EINVAL)
	case n.dir && old != nil:
		return fail("rename", newPath, syscall.ENOTDIR)
	}
	return f.operate(Rename, newPath, func() error {
		if old == n {
			return nil
		}
		delete(from.names, oldName)
		to.names[newName] = n
		if old != nil {
			f.unlink(old)
		}
		f.pending = append(f.pending, change{clear: entry{from, oldName}, set: entry{to, newName}, node: n, replaced: old})
		return nil
	})
}

// Remove implements disk.FS.
func (f *FS) Remove(path string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	dir, name, err := f.parent("remove", path)
	if err != nil {
		return err
	}
	n := dir.names[name]
	switch {
	case name == "":
		return fail("remove", path, syscall.EBUSY)
	case n == nil:
		return fail("remove", path, syscall.ENOENT)
	case n.dir && len(n.names) > 0:
		return fail("remove", path, syscall.ENOTEMPTY)
	}
	return f.operate(Remove, path, func() error {
		delete(dir.names, name)
		f.unlink(n)
		f.pending = append(f.pending, change{clear: entry{dir, name}, node: n})
		return nil
	})
}

// Mkdir implements disk.FS. Each directory that it makes is two operations:
// making it and syncing its parent.
func (f *FS) Mkdir(path string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.down {
		return fail("mkdir", path, ErrDown)
	}
	dirs, name := split(path)
	n := f.root
	for _, part := range append(slices.Clone(dirs), name) {
		next := n.names[part]
		switch {
		case part == "":
			return nil
		case next == nil:
			at := n
			next = newDir()
			err := f.operate(Mkdir, path, func() error {
				next.modified = f.now()
				at.names[part] = next
				f.pending = append(f.pending, change{set: entry{at, part}, node: next})
				return nil
			})
			if err != nil {
				return err
			}
			if err := f.operate(SyncDir, path, func() error { f.commit(at); return nil }); err != nil {
				return err
			}
		case !next.dir:
			return fail("mkdir", path, syscall.ENOTDIR)
		}
		n = next
	}
	return nil
}

// ReadDir implements disk.FS.
func (f *FS) ReadDir(path string) ([]disk.Entry, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	n, err := f.find("open", path)
	if err != nil {
		return nil, err
	}
	if !n.dir {
		return nil, fail("readdir", path, syscall.ENOTDIR)
	}
	out := make([]disk.Entry, 0, len(n.names))
	for name, c := range n.names {
		out = append(out, disk.Entry{Name: name, Dir: c.dir, Size: int64(len(c.data)), ModTime: c.modified})
	}
	slices.SortFunc(out, func(a, b disk.Entry) int { return strings.Compare(a.Name, b.Name) })
	return out, nil
}

// SyncDir implements disk.FS.
func (f *FS) SyncDir(path string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	n, err := f.find("open", path)
	if err != nil {
		return err
	}
	if !n.dir {
		return fail("sync", path, syscall.ENOTDIR)
	}
	return f.operate(SyncDir, path, func() error { f.commit(n); return nil })
}
