package store

import (
	"path/filepath"
	"strings"
	"sync"

	"github.com/eventlake/lake/local/disk"
)

// dirs makes directories and remembers those whose way down from the root is
// durable. A directory that merely exists need not be: the process that made
// it may have been killed before it synced the parent.
type dirs struct {
	fs      disk.FS
	mu      sync.RWMutex // held for writing while directories come and go
	durable map[string]struct{}
}

// make makes dir below root and everything on the way there, durable.
func (d *dirs) make(root, dir string) error {
	if d.known(dir) {
		return nil
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	way := []string{root}
	if dir != root {
		rest, err := filepath.Rel(root, dir)
		if err != nil {
			return err
		}
		at := root
		for e := range strings.SplitSeq(rest, string(filepath.Separator)) {
			at = filepath.Join(at, e)
			way = append(way, at)
		}
	}
	for _, p := range way {
		if _, ok := d.durable[p]; ok {
			continue
		}
		if err := d.fs.Mkdir(p); err != nil {
			return err
		}
		if err := d.fs.SyncDir(filepath.Dir(p)); err != nil {
			return err
		}
		d.durable[p] = struct{}{}
	}
	return nil
}

func (d *dirs) known(dir string) bool {
	d.mu.RLock()
	defer d.mu.RUnlock()
	_, ok := d.durable[dir]
	return ok
}

// forget makes the next make look at dir and what is above it again: somebody
// has removed it.
func (d *dirs) forget(dir string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for p := range d.durable {
		if p == dir || strings.HasPrefix(dir, p+string(filepath.Separator)) {
			delete(d.durable, p)
		}
	}
}

// prune removes dir and the directories above it, below root, that are empty.
// It stops at the first that cannot be removed, mostly because it is not
// empty: an empty directory is no fault, so errors end here.
func (d *dirs) prune(root, dir string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for dir != root && len(dir) > len(root) {
		if entries, err := d.fs.ReadDir(dir); err != nil || len(entries) > 0 {
			return
		}
		delete(d.durable, dir)
		if err := d.fs.Remove(dir); err != nil && !disk.IsNotExist(err) {
			return
		}
		dir = filepath.Dir(dir)
	}
}
