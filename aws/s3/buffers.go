package s3

import "sync"

// buffers keeps the memory of uploads between Creates.
type buffers struct{ pool sync.Pool }

func (b *buffers) get() []byte {
	if p, ok := b.pool.Get().(*[]byte); ok {
		return (*p)[:0]
	}
	return make([]byte, 0, 64<<10)
}

// put takes memory back, unless appending has made it much larger than a part.
func (b *buffers) put(buf []byte, part int) {
	if cap(buf) <= 2*part {
		b.pool.Put(&buf)
	}
}
