package stream

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/local/disk"
)

// open reads a shard's segments and brings its end into a known state.
func (sh *shard) open() error {
	fsys := sh.stream.fsys
	if err := removeTemporary(fsys, sh.dir); err != nil && !disk.IsNotExist(err) {
		return err
	}
	segments, err := listSegments(fsys, sh.dir)
	if err != nil && !disk.IsNotExist(err) {
		return err
	}
	if len(segments) == 0 {
		return lake.Errorf(lake.ErrCorrupt, damageHint, "%s has no segments", sh.dir)
	}
	for i, g := range segments {
		if err := readHeader(fsys, g, sh.number, sh.stream.meta.Salt); err != nil {
			return err
		}
		if i > 0 && g.prev != segments[i-1].first {
			return damaged(g.path, 0, "the segment before it should begin at %d, but it begins at %d; one is missing", g.prev, segments[i-1].first)
		}
		if g.first != 1 && g.prev == 0 {
			return damaged(g.path, 0, "it names no segment before it")
		}
	}
	sh.segments = segments
	sh.trimmed = segments[0].first - 1
	if err := sh.collectGaps(); err != nil {
		return err
	}
	if err := sh.settle(); err != nil {
		return err
	}
	sh.queue.time = sh.time
	for _, g := range sh.segments {
		sh.stream.bytes.Add(g.size)
	}
	sh.file, err = fsys.Append(sh.active().path)
	return err
}

// listSegments returns a directory's segments, ascending, headers unread.
func listSegments(fsys disk.FS, dir string) ([]*segment, error) {
	entries, err := fsys.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var out []*segment
	for _, e := range entries {
		if first, ok := segmentFirst(e.Name); ok && !e.Dir {
			out = append(out, &segment{header: header{first: first}, path: filepath.Join(dir, e.Name), size: e.Size})
		}
	}
	slices.SortFunc(out, func(a, b *segment) int {
		if a.first < b.first {
			return -1
		}
		return 1
	})
	return out, nil
}

// headerOf reads the first bytes of a segment.
func headerOf(fsys disk.FS, path string) (b []byte, err error) {
	f, err := fsys.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	b = make([]byte, headerSize)
	n, err := f.ReadAt(b, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	return b[:n], nil
}

// readHeader reads and checks the head of a segment.
func readHeader(fsys disk.FS, g *segment, shard int, salt uint64) error {
	data, err := headerOf(fsys, g.path)
	if err != nil {
		return err
	}
	h, err := parseHeader(data)
	switch {
	case err != nil:
		return damaged(g.path, 0, "%v", err)
	case h.first != g.first || h.shard != shard:
		return damaged(g.path, 0, "it holds shard %d from position %d: misplaced or renamed", h.shard, h.first)
	case h.salt != salt:
		return damaged(g.path, 0, "it belongs to another stream")
	}
	g.header = h
	return nil
}

// collectGaps reads the gap frames of the segments that have some, but for the
// last one, which settle reads anyway.
func (sh *shard) collectGaps() error {
	for i, g := range sh.segments[:len(sh.segments)-1] {
		if g.flags&flagGaps == 0 {
			continue
		}
		err := walkSegment(sh.stream.fsys, g.path, sh.stream.meta.Salt, func(f frame, _ []byte, offset int64) bool {
			if f.first >= sh.segments[i+1].first {
				return false
			}
			if f.kind == kindGap {
				sh.addGap(f)
			}
			return true
		})
		if err != nil && !errors.Is(err, errBad) {
			return err // damage is found when it is read
		}
	}
	return nil
}

func (sh *shard) addGap(f frame) {
	span := lake.Span{After: lake.Pos(f.first - 1), To: lake.Pos(f.last())}
	if n := len(sh.gaps); n > 0 && sh.gaps[n-1].To == span.After {
		sh.gaps[n-1].To = span.To
		return
	}
	sh.gaps = append(sh.gaps, span)
}

// walkSegment calls visit for each frame of a file until it returns false or
// the frames end. The error is errBad when they end before the file does.
func walkSegment(fsys disk.FS, path string, salt uint64, visit func(f frame, data []byte, offset int64) bool) (err error) {
	w, err := openWalker(fsys, path, salt)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, w.close()) }()
	for {
		offset := w.offset
		f, data, err := w.next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if !visit(f, data, offset) {
			return nil
		}
	}
}

// tail is the end of the last segment.
type tail struct {
	next     uint64 // the position after the last frame
	end      int64  // offset behind the last valid frame
	torn     int64  // bytes after it
	last     frame  // the last valid frame; count 0 when there is none
	lastData []byte
	offset   int64        // where it begins
	before   lake.Instant // log time of what is before it
}

// settle reads the last segment, cuts what a crash tore, and stores the last
// frame anew where it is surely durable; see the package comment.
func (sh *shard) settle() error {
	s, g := sh.stream, sh.active()
	t, err := sh.readTail(g)
	if err != nil {
		return err
	}
	if t.torn > 0 {
		s.log.Warn("cut a torn frame that was never acknowledged", "path", g.path, "offset", t.end, "bytes", t.torn)
	}
	sh.next = t.next
	sh.time = g.time
	if t.last.count > 0 {
		sh.time = t.last.time
	}
	if t.last.count == 0 && t.torn == 0 {
		// Its content was durable before it got its name, but the name need not be.
		g.size = headerSize
		return s.fsys.SyncDir(sh.dir)
	}
	fresh := *g
	fresh.marks, fresh.size = nil, headerSize+int64(len(t.lastData))
	if t.last.count > 0 && t.last.first != g.first {
		fresh.header = header{shard: g.shard, first: t.last.first, prev: g.first, salt: g.salt, time: t.before}
		if t.last.kind == kindGap {
			fresh.flags = flagGaps
		}
		fresh.path = segmentPath(sh.dir, t.last.first)
	}
	if err := createSegment(s.fsys, fresh.path, fresh.header, t.lastData); err != nil {
		return fmt.Errorf("store the last frame of %s anew: %w", g.path, err)
	}
	if fresh.path == g.path {
		*g = fresh
		return nil
	}
	g.size = t.offset
	sh.segments = append(sh.segments, &fresh)
	return cutTo(s.fsys, g.path, t.offset)
}

// cutTo shortens a file that another segment continues. What it cuts does not
// count any more, so it need not be durable.
func cutTo(fsys disk.FS, path string, size int64) (err error) {
	f, err := fsys.Append(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	return f.Truncate(size)
}

// readTail checks every frame of the last segment.
func (sh *shard) readTail(g *segment) (t tail, err error) {
	t.next, t.end = g.first, headerSize
	w, err := openWalker(sh.stream.fsys, g.path, sh.stream.meta.Salt)
	if err != nil {
		return t, err
	}
	defer func() { err = errors.Join(err, w.close()) }()
	latest := g.time
	for {
		offset := w.offset
		f, data, err := w.next()
		switch {
		case errors.Is(err, io.EOF):
			return t, nil
		case errors.Is(err, errBad):
			t.torn = w.size - offset
			return t, sh.mustBeTorn(w, g, t.next)
		case err != nil:
			return t, err
		case f.first != t.next:
			return t, damaged(g.path, offset, "position %d where %d should be", f.first, t.next)
		}
		if f.kind == kindGap {
			sh.addGap(f)
		}
		g.addMark(f.first, offset)
		t.before, latest = latest, f.time
		t.next, t.end = f.last()+1, w.offset
		t.last, t.offset = f, offset
		t.lastData = append(t.lastData[:0], data...)
	}
}

// mustBeTorn returns lake.ErrCorrupt when a valid frame follows the bad one:
// a crash tears only the very last.
func (sh *shard) mustBeTorn(w *walker, g *segment, next uint64) error {
	offset := w.offset
	err := w.search(context.Background(), next+1)
	if errors.Is(err, io.EOF) {
		return nil
	}
	if err != nil {
		return err
	}
	return damaged(g.path, offset, "a frame does not check, but one at byte %d does", w.offset)
}
