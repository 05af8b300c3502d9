package stream

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/local/disk"
)

// Problem is something that Check found.
type Problem struct {
	Shard  lake.ShardID // empty when it concerns the whole stream
	Path   string
	Offset int64     // where in the file
	Bytes  int64     // how many bytes do not check
	Lost   lake.Span // the positions that cannot be read; empty when none
	Detail string
	// Harmless problems go away at the next Open: what a crash left of events
	// that were never acknowledged.
	Harmless bool
}

// String is one line for people.
func (p Problem) String() string {
	s := p.Path
	if p.Offset > 0 {
		s += fmt.Sprintf(", byte %d", p.Offset)
	}
	s += ": " + p.Detail
	if !p.Lost.Empty() {
		s += fmt.Sprintf("; positions %s cannot be read", p.Lost)
	}
	return s
}

// unreadable is the problem of a file of which nothing can be believed.
func unreadable(id lake.ShardID, path string, err error) Problem {
	p := Problem{Shard: id, Path: path, Detail: err.Error()}
	var h *lake.Hinted
	if errors.As(err, &h) {
		p.Detail = h.What
	}
	for _, named := range []string{path + ", byte 0: ", path + ": "} {
		p.Detail = strings.TrimPrefix(p.Detail, named)
	}
	if disk.IsNotExist(err) {
		p.Detail = "the file is missing"
	}
	return p
}

// Checked is what Check has seen.
type Checked struct {
	Segments int                            `json:"segments"`
	Frames   int64                          `json:"frames"`
	Records  int64                          `json:"records"`
	Bytes    int64                          `json:"bytes"`
	Lost     int64                          `json:"lost"`  // positions in gaps that Repair has marked
	First    map[lake.ShardID]lake.Position `json:"first"` // of what the segments cover
	Last     map[lake.ShardID]lake.Position `json:"last"`
}

func newChecked() Checked {
	return Checked{First: map[lake.ShardID]lake.Position{}, Last: map[lake.ShardID]lake.Position{}}
}

// Check reads a stream that nobody has open, verifies every checksum, header
// and the continuity of positions, and calls fn for each problem. The error says
// only why it could not go on.
func Check(ctx context.Context, fsys disk.FS, dir string, fn func(Problem)) (Checked, error) {
	done := newChecked()
	m, err := readMeta(fsys, dir)
	if errors.Is(err, lake.ErrCorrupt) || disk.IsNotExist(err) {
		fn(unreadable("", filepath.Join(dir, metaName), err))
		if m, err = guessMeta(fsys, dir, 0); disk.IsNotExist(err) {
			return done, nil
		}
	}
	if err != nil {
		return done, err
	}
	for n := range m.Shards {
		if err := checkShard(ctx, fsys, dir, n, m.Salt, nil, &done, fn); err != nil {
			return done, fmt.Errorf("check %s: %w", shardName(n), err)
		}
	}
	if err := checkEnds(fsys, dir, m.Shards, &done, fn); err != nil {
		return done, err
	}
	return done, checkConsumers(fsys, dir, done.Last, fn)
}

// checkEnds compares the shards with how far they had come.
func checkEnds(fsys disk.FS, dir string, shards int, done *Checked, fn func(Problem)) error {
	saved, err := readEnds(fsys, dir)
	if errors.Is(err, lake.ErrCorrupt) {
		fn(unreadable("", filepath.Join(dir, endsName), err))
		return nil
	}
	if err != nil {
		return err
	}
	for n := range shards {
		id := lake.ShardID(shardName(n))
		segments, err := listSegments(fsys, filepath.Join(dir, string(id)))
		if err != nil && !disk.IsNotExist(err) {
			return err
		}
		p := Problem{Shard: id, Path: filepath.Join(dir, string(id))}
		var segment uint64
		if len(segments) > 0 {
			g := segments[len(segments)-1]
			p.Path, p.Offset, segment = g.path, g.size, g.first
		}
		last, _ := done.Last[id].Uint64()
		if p.Detail, p.Lost = saved.shortened(id, segment, last); p.Detail != "" {
			fn(p)
		}
	}
	return nil
}

// Check is the function Check for the open stream, up to what is durable now.
// Trim waits until it is done.
func (s *Stream) Check(ctx context.Context, fn func(Problem)) (Checked, error) {
	s.trimming.Lock()
	defer s.trimming.Unlock()
	done := newChecked()
	for _, sh := range s.shards {
		sh.mu.RLock()
		segments := make([]*segment, len(sh.segments))
		for i, g := range sh.segments {
			segments[i] = &segment{header: g.header, path: g.path, size: g.size}
		}
		sh.mu.RUnlock()
		if err := checkShard(ctx, s.fsys, s.dir, sh.number, s.meta.Salt, segments, &done, fn); err != nil {
			return done, fmt.Errorf("check %s: %w", sh.id, err)
		}
	}
	return done, nil
}

// checkShard checks one shard; segments is nil for what the directory holds.
func checkShard(ctx context.Context, fsys disk.FS, dir string, n int, salt uint64, segments []*segment, done *Checked, fn func(Problem)) error {
	id := lake.ShardID(shardName(n))
	shardDir := filepath.Join(dir, shardName(n))
	var err error
	if segments == nil {
		if segments, err = listSegments(fsys, shardDir); err != nil && !disk.IsNotExist(err) {
			return err
		}
	}
	if len(segments) == 0 {
		fn(Problem{Shard: id, Path: shardDir, Detail: "no segments"})
		done.Last[id] = lake.Position{}
		return nil
	}
	done.First[id] = lake.Pos(segments[0].first)
	for i, g := range segments {
		done.Segments++
		done.Bytes += g.size
		p := Problem{Shard: id, Path: g.path}
		switch err := readHeader(fsys, g, n, salt); {
		case errors.Is(err, lake.ErrCorrupt):
			fn(unreadable(id, g.path, err))
		case err != nil:
			return err
		case i > 0 && g.prev != segments[i-1].first:
			p.Detail = fmt.Sprintf("the segment that begins at position %d is missing before it", g.prev)
			fn(p)
		}
		var end uint64
		if i+1 < len(segments) {
			end = segments[i+1].first - 1
		}
		next, err := survey(ctx, fsys, g, salt, end, func(pc piece) error {
			switch {
			case pc.data == nil:
				fn(Problem{Shard: id, Path: g.path, Offset: pc.offset, Bytes: pc.bytes, Lost: pc.lost, Detail: pc.detail, Harmless: pc.torn})
			case pc.frame.kind == kindGap:
				done.Lost += int64(pc.frame.count)
			default:
				done.Frames++
				done.Records += int64(pc.frame.count)
			}
			return nil
		})
		if err != nil {
			return err
		}
		done.Last[id] = lake.Pos(next - 1)
	}
	return nil
}

// checkConsumers checks the consumers' files against the ends of the shards.
func checkConsumers(fsys disk.FS, dir string, last map[lake.ShardID]lake.Position, fn func(Problem)) error {
	entries, err := fsys.ReadDir(filepath.Join(dir, consumersName))
	if disk.IsNotExist(err) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, e := range entries {
		if !strings.HasSuffix(e.Name, ".json") || strings.HasPrefix(e.Name, disk.TempPrefix) {
			continue
		}
		path := filepath.Join(dir, consumersName, e.Name)
		var c savedConsumer
		switch err := readJSON(fsys, path, consumerHint, &c); {
		case errors.Is(err, lake.ErrCorrupt):
			fn(unreadable("", path, err))
		case err != nil:
			return err
		}
		for id, p := range c.Positions {
			if p.After(last[id]) {
				fn(Problem{Shard: id, Path: path, Lost: lake.Span{After: last[id], To: p},
					Detail: fmt.Sprintf("the consumer has read position %s but the log ends at %s", p, last[id])})
			}
		}
	}
	return nil
}

// piece is a good frame of a segment, or a stretch that does not check.
type piece struct {
	frame  frame
	data   []byte // the whole frame; nil when the piece is bad
	offset int64
	bytes  int64
	lost   lake.Span
	detail string
	torn   bool // at the very end, where a crash may leave anything
}

// survey goes through a segment and finds everything in it that can be read.
// end is the last position that belongs to it, 0 for the last segment. It returns
// the position after what it covers.
func survey(ctx context.Context, fsys disk.FS, g *segment, salt, end uint64, visit func(piece) error) (next uint64, err error) {
	next = g.first
	w, err := openWalker(fsys, g.path, salt)
	if err != nil {
		return next, err
	}
	defer func() { err = errors.Join(err, w.close()) }()
	w.size = min(w.size, g.size)
	w.offset = min(w.offset, w.size)
	lost := func(to uint64) lake.Span { return lake.Span{After: lake.Pos(next - 1), To: lake.Pos(to)} }
	for end == 0 || next <= end {
		if err := ctx.Err(); err != nil {
			return next, err
		}
		offset := w.offset
		f, data, err := w.next()
		bad := errors.Is(err, errBad)
		if err == nil && f.first != next {
			// A frame from elsewhere; what comes later in the file may still fit.
			w.offset, bad = offset, true
			if f.first > next && (end == 0 || f.last() <= end) {
				if err := visit(piece{offset: offset, lost: lost(f.first - 1), detail: "positions are missing"}); err != nil {
					return next, err
				}
				next = f.first
				continue
			}
		}
		switch {
		case bad:
			switch err := w.search(ctx, next); {
			case errors.Is(err, io.EOF):
				w.offset = w.size
			case err != nil:
				return next, err
			}
			pc := piece{offset: offset, bytes: w.offset - offset, lost: lost(next - 1), detail: "no valid frame"}
			if w.offset == w.size {
				pc.torn = end == 0
			} else if f, _, err := w.at(w.offset); err == nil && f.first > next {
				to := f.first - 1
				if end > 0 {
					to = min(to, end)
				}
				pc.lost = lost(to)
			}
			if w.offset == w.size && end > 0 {
				pc.lost = lost(end)
			}
			if err := visit(pc); err != nil {
				return next, err
			}
			if n, _ := pc.lost.To.Uint64(); n >= next {
				next = n + 1
			}
		case errors.Is(err, io.EOF):
			if end > 0 {
				pc := piece{offset: offset, lost: lost(end), detail: "the file ends early"}
				next = end + 1
				return next, visit(pc)
			}
			return next, nil
		case err != nil:
			return next, err
		default:
			if err := visit(piece{frame: f, data: data, offset: offset, bytes: f.size()}); err != nil {
				return next, err
			}
			next = f.last() + 1
		}
	}
	return next, nil
}
