package transform

import "bytes"

// keySet finds a top-level key that occurs twice. Texts are kept as places in
// the body, so that adding one allocates nothing.
type keySet struct {
	slots []keySlot // a power of two of them, at most half in use
	round uint32    // slots of other rounds are free
	used  int
	exact map[string]struct{} // takes over when somebody crafts colliding keys
}

type keySlot struct {
	hash       uint64
	start, end uint32 // of the escaped key in the body
	round      uint32
}

const (
	fewSlots  = 64      // to begin with
	manySlots = 1 << 14 // not kept for the next event
	maxProbes = 32
)

// reset forgets all keys.
func (k *keySet) reset() {
	k.used, k.exact = 0, nil
	k.round++
	if k.slots == nil || len(k.slots) > manySlots || k.round == 0 {
		k.slots, k.round = make([]keySlot, fewSlots), 1
	}
}

// add reports whether the key b[start:end] with this hash is new.
func (k *keySet) add(b []byte, start, end int, hash uint64) bool {
	if k.exact != nil {
		return k.addExact(b[start:end])
	}
	if 2*k.used >= len(k.slots) {
		k.grow()
	}
	mask := uint64(len(k.slots) - 1)
	for n := uint64(0); n < maxProbes; n++ {
		slot := &k.slots[(hash+n)&mask]
		if slot.round != k.round {
			*slot = keySlot{hash, uint32(start), uint32(end), k.round}
			k.used++
			return true
		}
		if slot.hash == hash && sameText(b[slot.start:slot.end], b[start:end]) {
			return false
		}
	}
	k.exact = make(map[string]struct{}, 2*k.used)
	for _, slot := range k.slots {
		if slot.round == k.round {
			k.addExact(b[slot.start:slot.end])
		}
	}
	return k.addExact(b[start:end])
}

func (k *keySet) addExact(escaped []byte) bool {
	text := string(unescaped(escaped, nil))
	if _, twice := k.exact[text]; twice {
		return false
	}
	k.exact[text] = struct{}{}
	return true
}

func (k *keySet) grow() {
	old := k.slots
	k.slots = make([]keySlot, 2*len(old))
	mask := uint64(len(k.slots) - 1)
	for _, slot := range old {
		if slot.round != k.round {
			continue
		}
		i := slot.hash & mask
		for k.slots[i].round == k.round {
			i = (i + 1) & mask
		}
		k.slots[i] = slot
	}
}

// sameText compares two strings as they stand in a valid body.
func sameText(a, b []byte) bool {
	return bytes.Equal(a, b) || bytes.Equal(unescaped(a, nil), unescaped(b, nil))
}

// unescaped returns the content of a string of a valid body: text itself when
// nothing is escaped in it, else at the end of scratch.
func unescaped(text, scratch []byte) []byte {
	i := bytes.IndexByte(text, '\\')
	if i < 0 {
		return text
	}
	start := len(scratch)
	scratch = append(scratch, text[:i]...)
	for i < len(text) {
		if text[i] != '\\' {
			scratch = append(scratch, text[i])
			i++
			continue
		}
		var n int
		if scratch, n, _ = appendEscape(scratch, text[i:]); n == 0 {
			break // cannot be: the body was valid
		}
		i += n
	}
	return scratch[start:]
}
