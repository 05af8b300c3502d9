// Package crashfs is a file system in memory that knows what would survive a
// power cut. Tests run the storage code on it, take the machine away at any
// operation, and go on with what a real disk could hold afterwards.
//
// The model is a journaling file system with delayed writes:
//
//   - What Sync covered survives. Writes after it may survive whole, up to any
//     byte, with zeros or garbage instead of the rest, or page by page.
//   - Names survive as of the last SyncDir of their directory. Later changes
//     may survive or not, but a rename is one change, and a change never
//     survives without the earlier changes to the same names and files.
//   - After a failed Sync the data that it should have made durable is gone,
//     and the next Sync does not bring it back. Reading may go on to show it, even
//     to the next process, until the power goes.
//
// Which of the possible outcomes happens follows from the seed.
package crashfs

import (
	"errors"
	"io/fs"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/eventlake/lake/local/disk"
)

// ErrDown is what every operation returns once the machine is gone: after
// Crash or Kill, or after a Fault with Halt.
var ErrDown = errors.New("crashfs: the machine is down")

// FS is one life of a machine's file system. It is safe for concurrent use.
// Relative paths are taken from its root, which always exists.
type FS struct {
	mu      sync.Mutex
	root    *node
	pending []change // name changes that no SyncDir covers, in order
	rng     *rand.Rand
	now     func() time.Time
	down    bool

	ops    int
	fired  int
	faults []Fault
	trace  func(Op)
	limit  int64 // bytes of all linked files together; 0 is no limit
	used   int64
	open   map[*file]struct{}
}

var _ disk.FS = (*FS)(nil)

// node is a file or a directory.
type node struct {
	dir     bool
	names   map[string]*node // live entries
	durable map[string]*node // entries as of the last SyncDir

	data     []byte   // live content; its backing array is never overwritten below its length
	synced   []byte   // content as of the last Sync
	versions [][]byte // content after each write or truncation since then, oldest first
	// shadow, when not nil, is what the disk gets in place of the first bytes of
	// data: a failed Sync lost them, but the cache still shows them.
	shadow   []byte
	modified time.Time
	unlinked bool // has no name any more: its bytes do not count
}

// New makes an empty file system. The same seed and the same operations give
// the same outcomes.
func New(seed uint64) *FS {
	return &FS{root: newDir(), rng: rand.New(rand.NewPCG(seed, 0x9e3779b97f4a7c15)), now: time.Now, open: map[*file]struct{}{}}
}

func newDir() *node {
	return &node{dir: true, names: map[string]*node{}, durable: map[string]*node{}}
}

// SetClock replaces the clock that modification times come from.
func (f *FS) SetClock(now func() time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.now = now
}

// Limit sets how many bytes all files together may hold; 0 removes the limit.
// A write beyond it stores what fits and returns ENOSPC.
func (f *FS) Limit(bytes int64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.limit = bytes
}

// Used is how many bytes all files hold together.
func (f *FS) Used() int64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.used
}

// Unclosed returns the paths of the files and directories that are open, sorted,
// each as often as it is. A crash does not close what its process had open: code
// that still runs then is asked to, and a path that stays is a leak.
func (f *FS) Unclosed() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	paths := make([]string, 0, len(f.open))
	for h := range f.open {
		paths = append(paths, h.path)
	}
	slices.Sort(paths)
	return paths
}

// Damage replaces the content of a file by what edit makes of it, on the disk
// too, as a decaying disk or a careless person would. It is not an operation
// that faults count. edit may change its argument.
func (f *FS) Damage(path string, edit func([]byte) []byte) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	n, err := f.find("damage", path)
	if err != nil {
		return err
	}
	if n.dir {
		return fail("damage", path, syscall.EISDIR)
	}
	f.used -= int64(len(n.data))
	n.data = clip(edit(slices.Clone(n.data)))
	n.synced, n.versions, n.shadow = n.data, nil, nil
	f.used += int64(len(n.data))
	return nil
}

func fail(op, path string, err error) error { return &fs.PathError{Op: op, Path: path, Err: err} }

func clip(b []byte) []byte { return b[:len(b):len(b)] }

// split cuts a path into the directory's elements and the last name; name is
// "" for the root.
func split(path string) (dir []string, name string) {
	path = strings.Trim(filepath.ToSlash(filepath.Clean(path)), "/")
	if path == "" || path == "." {
		return nil, ""
	}
	parts := strings.Split(path, "/")
	return parts[:len(parts)-1], parts[len(parts)-1]
}

// parent finds the directory that path lies in. mu is held.
func (f *FS) parent(op, path string) (*node, string, error) {
	if f.down {
		return nil, "", fail(op, path, ErrDown)
	}
	dir, name := split(path)
	n := f.root
	for _, p := range dir {
		next := n.names[p]
		if next == nil {
			return nil, "", fail(op, path, syscall.ENOENT)
		}
		if !next.dir {
			return nil, "", fail(op, path, syscall.ENOTDIR)
		}
		n = next
	}
	return n, name, nil
}

// find returns the node at path. mu is held.
func (f *FS) find(op, path string) (*node, error) {
	dir, name, err := f.parent(op, path)
	if err != nil {
		return nil, err
	}
	if name == "" {
		return f.root, nil
	}
	n := dir.names[name]
	if n == nil {
		return nil, fail(op, path, syscall.ENOENT)
	}
	return n, nil
}
