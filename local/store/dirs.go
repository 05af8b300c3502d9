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
	mu      sync.RWMutex // held for writing while directories come and go; not while they are synced
	durable map[string]struct{}
	making  map[string]chan struct{} // being made durable; closed when that has ended, well or not
	gone    uint64                   // counts what may have removed directories
}

// make makes dir below root and everything on the way there, durable. still
// tells later whether that holds yet. Each directory is synced by one caller,
// and not under the lock: the syncs of many that are made at the same time take
// the disk little longer than one.
func (d *dirs) make(root, dir string) (gone uint64, err error) {
	for {
		if gone, ok := d.known(dir); ok {
			return gone, nil
		}
		made, others, gone, err := d.mkdir(root, dir)
		for _, p := range made {
			if err == nil {
				err = d.fs.SyncDir(filepath.Dir(p))
			}
		}
		d.finish(made, gone, err == nil)
		if err != nil {
			return 0, err
		}
		if len(others) == 0 {
			return gone, nil
		}
		for _, done := range others {
			<-done
		}
	}
}

// mkdir makes those directories of the way that are not known as durable. made
// are the caller's to sync and to finish, from the root down, others are about to
// be finished by others.
func (d *dirs) mkdir(root, dir string) (made []string, others []chan struct{}, gone uint64, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	way := []string{root}
	if dir != root {
		rest, err := filepath.Rel(root, dir)
		if err != nil {
			return nil, nil, 0, err
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
		if done := d.making[p]; done != nil {
			others = append(others, done)
			continue
		}
		if err := d.fs.Mkdir(p); err != nil {
			return made, nil, 0, err
		}
		d.making[p] = make(chan struct{})
		made = append(made, p)
	}
	return made, others, d.gone, nil
}

// finish ends what mkdir began. The directories are durable when they were synced
// and none can have gone since: another of that name may stand there by now.
func (d *dirs) finish(made []string, gone uint64, synced bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, p := range made {
		if synced && d.gone == gone {
			d.durable[p] = struct{}{}
		}
		close(d.making[p])
		delete(d.making, p)
	}
}

func (d *dirs) known(dir string) (gone uint64, ok bool) {
	d.mu.RLock()
	defer d.mu.RUnlock()
	_, ok = d.durable[dir]
	return d.gone, ok
}

// still reports whether no directory can have gone since make returned gone.
func (d *dirs) still(gone uint64) bool {
	d.mu.RLock()
	defer d.mu.RUnlock()
	return d.gone == gone
}

// forget makes the next make look at dir and what is above it again: somebody
// has removed it.
func (d *dirs) forget(dir string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.gone++
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
		d.gone++
		if err := d.fs.Remove(dir); err != nil && !disk.IsNotExist(err) {
			return
		}
		dir = filepath.Dir(dir)
	}
}
