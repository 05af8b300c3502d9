package crashfs

import "slices"

// page is the unit in which a delayed write reaches the disk. It is smaller
// than a real one so that small files tear in the middle too.
const page = 512

// writeAt changes the live content. mu is held.
func (f *FS) writeAt(n *node, p []byte, off int64) {
	if len(p) == 0 {
		return
	}
	before := int64(len(n.data))
	end := off + int64(len(p))
	if off == before {
		n.data = append(n.data, p...)
	} else {
		// Versions share the array below their length, so that it must not change.
		data := make([]byte, max(before, end))
		copy(data, n.data)
		copy(data[off:], p)
		n.data = data
		if off < int64(len(n.shadow)) {
			n.shadow = slices.Clone(n.shadow)
			copy(n.shadow[off:], p)
		}
	}
	f.changed(n, before)
}

// disk is what the disk would hold of the live content after a sync.
func (n *node) disk() []byte {
	if n.shadow == nil {
		return clip(n.data)
	}
	return append(clip(n.shadow), n.data[len(n.shadow):]...)
}

// setLength truncates or extends with zeros. mu is held.
func (f *FS) setLength(n *node, size int64) {
	before := int64(len(n.data))
	if size <= before {
		n.data = n.data[:size:size]
		if n.shadow != nil {
			n.shadow = n.shadow[:min(size, int64(len(n.shadow)))]
		}
	} else {
		n.data = append(clip(n.data), make([]byte, size-before)...)
	}
	f.changed(n, before)
}

func (f *FS) changed(n *node, before int64) {
	n.versions = append(n.versions, n.disk())
	n.modified = f.now()
	if !n.unlinked {
		f.used += int64(len(n.data)) - before
	}
}

// dropDirty does what a failed fsync does: the pages count as clean, but only
// some of them ever reached the disk. mu is held.
func (f *FS) dropDirty(n *node) {
	now := n.disk()
	keep := common(n.synced, now)
	data := make([]byte, len(now))
	copy(data, now[:keep])
	f.pages(data, now, keep)
	if f.rng.IntN(2) == 0 {
		n.shadow = data // the cache lives on
	} else {
		n.data, n.shadow = data, nil
	}
	n.versions = append(n.versions[:0], data)
}

// pages copies a random choice of src's pages from byte from on into dst.
func (f *FS) pages(dst, src []byte, from int) {
	for at := from; at < len(src); {
		end := min((at/page+1)*page, len(src))
		if f.rng.IntN(2) == 0 {
			copy(dst[at:end], src[at:end])
		}
		at = end
	}
}

// common is the length of the common prefix.
func common(a, b []byte) int {
	n := min(len(a), len(b))
	if n > 0 && &a[0] == &b[0] {
		return n
	}
	for i := range n {
		if a[i] != b[i] {
			return i
		}
	}
	return n
}

// survives picks what is left of a file after a power cut. mu is held.
func (f *FS) survives(n *node) []byte {
	if len(n.versions) == 0 {
		return n.synced
	}
	kind := f.rng.IntN(8)
	switch kind {
	case 0:
		return n.synced
	case 1:
		return n.versions[len(n.versions)-1]
	}
	// The changes up to some one are whole, that one is in doubt.
	i := f.rng.IntN(len(n.versions))
	old, now := n.synced, n.versions[i]
	if i > 0 {
		old = n.versions[i-1]
	}
	if len(now) < len(old) { // a truncation happens or not
		if kind%2 == 0 {
			return old
		}
		return now
	}
	keep := common(old, now)
	cut := keep
	if len(now) > keep {
		cut += f.rng.IntN(len(now) - keep + 1)
	}
	if keep < len(old) { // an overwrite: some of it is there
		mixed := append([]byte(nil), old...)
		copy(mixed[keep:], now[keep:cut])
		return mixed
	}
	switch kind {
	case 2, 3: // ends in the middle
		return now[:cut:cut]
	case 4: // as long as it should be, but zeros at the end
		data := make([]byte, len(now))
		copy(data, now[:cut])
		return data
	case 5: // garbage at the end
		data := append([]byte(nil), now[:cut]...)
		for n := f.rng.IntN(len(now) - cut + 64); n > 0; n-- {
			data = append(data, byte(f.rng.Uint32()))
		}
		return data
	default: // some pages are there, some are zeros
		data := make([]byte, len(now))
		copy(data, old)
		f.pages(data, now, keep)
		return data
	}
}
