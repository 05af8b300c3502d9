package stream

import (
	"fmt"
	"io"
	"slices"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/local/disk"
)

// segment is one file of a shard.
type segment struct {
	header
	path   string
	size   int64  // bytes that may be read; of the last segment, what is synced
	marks  []mark // where some of its frames begin, ascending; may stop short
	resume mark   // where the latest reading of the file stopped
}

// mark is where a frame begins.
type mark struct {
	first  uint64
	offset int64
}

// markDistance is about how many bytes lie between two marks: 16 bytes of
// memory each.
const markDistance = 128 << 10

// addMark notes where a frame begins, unless that is close to the last mark.
func (g *segment) addMark(first uint64, offset int64) {
	last := int64(headerSize)
	if n := len(g.marks); n > 0 {
		last = g.marks[n-1].offset
	}
	if offset-last >= markDistance {
		g.marks = append(g.marks, mark{first, offset})
	}
}

// nearest returns the last known frame that begins at or before a position.
func (g *segment) nearest(at uint64) mark {
	i, found := slices.BinarySearchFunc(g.marks, at, func(m mark, at uint64) int {
		switch {
		case m.first < at:
			return -1
		case m.first > at:
			return 1
		}
		return 0
	})
	if found {
		return g.marks[i]
	}
	if i == 0 {
		return mark{g.first, headerSize}
	}
	return g.marks[i-1]
}

// createSegment makes a segment whole: head and frame, which may be empty,
// are durable under the final name or not there at all.
func createSegment(fsys disk.FS, path string, h header, frame []byte) error {
	return disk.WriteWhole(fsys, path, func(w io.Writer) error {
		if _, err := w.Write(appendHeader(nil, h)); err != nil {
			return err
		}
		if len(frame) == 0 {
			return nil
		}
		_, err := w.Write(frame)
		return err
	})
}

const damageHint = "stop the lake and run: lake doctor; it lists what is damaged or missing and can put a marked gap in its place"

// damaged is the error for bytes of a file that do not check.
func damaged(path string, offset int64, format string, args ...any) error {
	return lake.Errorf(lake.ErrCorrupt, damageHint, "%s, byte %d: %s", path, offset, fmt.Sprintf(format, args...))
}
