package lake

import (
	"context"
	"io"
	"iter"
)

// Store keeps immutable objects. Its errors, and those of its objects, name the
// object.
type Store interface {
	// Create writes an object whole or not at all; it is durable and visible
	// when Create returns nil. When the key exists already with the same bytes
	// that is success (a repeat after a crash); with other bytes it is
	// ErrExists. When write fails nothing is visible and its error is returned.
	Create(ctx context.Context, key Key, write func(io.Writer) error) (Info, error)
	// Open returns the object for reading. ErrNotFound when there is none.
	Open(ctx context.Context, key Key) (Object, error)
	// List yields the objects whose key begins with the prefix, sorted by key.
	// Objects that were never completed do not appear.
	List(ctx context.Context, prefix Key) iter.Seq2[Info, error]
	// Delete removes the object; deleting one that is not there is success.
	Delete(ctx context.Context, key Key) error
}

// Info describes an object.
type Info struct {
	Key   Key
	Bytes int64
	CRC   uint32  // CRC-32C (Castagnoli) of the content; set by Create, 0 from List
	Time  Instant // when the store last saw it written; set by List
}

// Object is an open object.
type Object interface {
	io.Reader
	io.ReaderAt
	io.Closer
	Size() int64 // bytes
}
