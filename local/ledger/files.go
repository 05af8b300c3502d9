package ledger

import (
	"slices"
	"sort"

	"github.com/eventlake/lake"
)

// files is the live files in commit order, kept in chunks so that a view is a
// copy of the chunk headers only: appending writes behind what a view sees,
// removing replaces the chunk.
type files struct {
	chunks [][]*item
	byKey  map[lake.Key]*item
	next   uint64
	held   map[lake.Kind]Held
}

// item is a live file with its place in the commit order.
type item struct {
	seq  uint64
	file lake.File
}

const chunkFiles = 256

func newFiles() files { return files{byKey: map[lake.Key]*item{}, held: map[lake.Kind]Held{}} }

func (f *files) add(file lake.File) *item {
	it := &item{f.next, file}
	f.hold(file, 1)
	f.next++
	f.byKey[file.Key] = it
	if n := len(f.chunks); n == 0 || len(f.chunks[n-1]) == cap(f.chunks[n-1]) {
		f.chunks = append(f.chunks, make([]*item, 0, chunkFiles))
	}
	last := len(f.chunks) - 1
	f.chunks[last] = append(f.chunks[last], it)
	return it
}

// remove takes a live file off.
func (f *files) remove(key lake.Key) {
	it := f.byKey[key]
	delete(f.byKey, key)
	f.hold(it.file, -1)
	// The last chunk that begins at or before it.
	i := sort.Search(len(f.chunks), func(i int) bool { return f.chunks[i][0].seq > it.seq }) - 1
	old := f.chunks[i]
	if len(old) == 1 {
		f.chunks = slices.Delete(f.chunks, i, i+1)
		return
	}
	keep := make([]*item, 0, cap(old))
	for _, o := range old {
		if o != it {
			keep = append(keep, o)
		}
	}
	f.chunks[i] = keep
}

// hold counts a file in or out.
func (f *files) hold(file lake.File, n int64) {
	h := f.held[file.Kind]
	f.held[file.Kind] = Held{h.Files + n, h.Events + n*file.Events, h.Bytes + n*file.Bytes}
}

func (f *files) view() [][]*item { return slices.Clone(f.chunks) }
