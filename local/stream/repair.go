package stream

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"path/filepath"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/local/disk"
)

// Repaired is what Repair did.
type Repaired struct {
	Segments []string    `json:"segments"` // paths of the segments written anew
	Kept     []string    `json:"kept"`     // paths of the damaged originals
	Lost     []lake.Span `json:"lost"`     // positions now marked as lost
}

// Repair makes a damaged shard of a stream that nobody has open readable again:
// every frame that checks is kept, a gap frame takes the place of what was lost,
// and the damaged file stays beside as NAME.damaged. Positions do not move. When
// the log ends before atLeast (how far somebody is known to have read) or before
// a named consumer's position, the rest is marked as lost too, so that no position
// is used twice; zero asks for nothing.
// A damaged meta file is made again from the segments. A repeat finds nothing.
func Repair(ctx context.Context, fsys disk.FS, dir string, id lake.ShardID, atLeast lake.Position) (done Repaired, err error) {
	reach, err := ordinal(atLeast)
	if err != nil {
		return done, err
	}
	m, err := repairMeta(fsys, dir, &done)
	if err != nil {
		return done, fmt.Errorf("repair %s: %w", metaName, err)
	}
	read, err := consumersReach(fsys, dir, id)
	if err != nil {
		return done, err
	}
	reach = max(reach, read)
	n := 0
	for n < m.Shards && lake.ShardID(shardName(n)) != id {
		n++
	}
	if n == m.Shards {
		return done, lake.Errorf(lake.ErrNotFound, "", "shard %q", string(id))
	}
	shardDir := filepath.Join(dir, shardName(n))
	if err := fsys.Mkdir(shardDir); err != nil {
		return done, err
	}
	segments, err := listSegments(fsys, shardDir)
	if err != nil {
		return done, err
	}
	if len(segments) == 0 {
		g := &segment{header: header{shard: n, first: 1, salt: m.Salt}, path: segmentPath(shardDir, 1)}
		if err := createSegment(fsys, g.path, g.header, nil); err != nil {
			return done, err
		}
		g.size = headerSize
		segments = append(segments, g)
		done.Segments = append(done.Segments, g.path)
	}
	r := repair{ctx: ctx, fsys: fsys, shard: n, salt: m.Salt, done: &done}
	for i, g := range segments {
		var end uint64
		want := reach
		if i+1 < len(segments) {
			end, want = segments[i+1].first-1, 0
		}
		var prev *segment
		if i > 0 {
			prev = segments[i-1]
		}
		if err := r.segment(g, prev, end, want); err != nil {
			return done, fmt.Errorf("repair %s: %w", g.path, err)
		}
	}
	return done, nil
}

// consumersReach is how far the named consumers have read a shard. A damaged
// consumer's file says nothing; Check names it.
func consumersReach(fsys disk.FS, dir string, id lake.ShardID) (reach uint64, err error) {
	err = checkConsumers(fsys, dir, nil, func(p Problem) {
		if to, ok := p.Lost.To.Uint64(); ok && p.Shard == id {
			reach = max(reach, to)
		}
	})
	return reach, err
}

// repair works through one shard.
type repair struct {
	ctx   context.Context
	fsys  disk.FS
	shard int
	salt  uint64
	done  *Repaired
	time  lake.Instant // log time so far
}

// segment repairs one segment, if it needs it.
func (r *repair) segment(g, prev *segment, end, reach uint64) error {
	broken := false
	switch err := readHeader(r.fsys, g, r.shard, r.salt); {
	case errors.Is(err, lake.ErrCorrupt):
		broken = true
		g.header = header{shard: r.shard, first: g.first, prev: g.first - 1, salt: r.salt, time: r.time}
	case err != nil:
		return err
	}
	if prev != nil && g.prev != prev.first {
		g.prev, broken = prev.first, true
	}
	holes, kept := 0, 0
	next, err := survey(r.ctx, r.fsys, g, r.salt, end, func(pc piece) error {
		if pc.data == nil && !pc.torn {
			holes++
		}
		if pc.data != nil {
			kept++
			r.time = pc.frame.time
		}
		return nil
	})
	if err != nil {
		return err
	}
	short := end == 0 && reach >= next
	if !broken && holes == 0 && !short {
		return nil
	}
	saved, err := keepDamaged(r.fsys, g.path)
	if err != nil {
		return err
	}
	if holes > 0 || short {
		g.flags |= flagGaps
	}
	err = disk.WriteWhole(r.fsys, g.path, func(w io.Writer) error {
		return r.rewrite(w, g, saved, end, reach)
	})
	if err != nil {
		return err
	}
	r.done.Segments = append(r.done.Segments, g.path)
	r.done.Kept = append(r.done.Kept, saved)
	return nil
}

// rewrite writes what can be read of the saved original, and gaps.
func (r *repair) rewrite(w io.Writer, g *segment, saved string, end, reach uint64) error {
	if _, err := w.Write(appendHeader(nil, g.header)); err != nil {
		return err
	}
	at := g.time
	original := &segment{header: g.header, path: saved, size: g.size}
	next, err := survey(r.ctx, r.fsys, original, r.salt, end, func(pc piece) error {
		if pc.data != nil {
			at = pc.frame.time
			_, err := w.Write(pc.data)
			return err
		}
		return r.gap(w, pc.lost, at)
	})
	if err != nil {
		return err
	}
	if end == 0 && reach >= next {
		return r.gap(w, lake.Span{After: lake.Pos(next - 1), To: lake.Pos(reach)}, at)
	}
	return nil
}

// gap writes gap frames over a span.
func (r *repair) gap(w io.Writer, lost lake.Span, at lake.Instant) error {
	if lost.Empty() {
		return nil
	}
	r.done.Lost = append(r.done.Lost, lost)
	after, _ := lost.After.Uint64()
	to, _ := lost.To.Uint64()
	for after < to {
		n := min(to-after, math.MaxUint32)
		b := make([]byte, frameHeaderSize)
		sealFrame(b, frame{kind: kindGap, count: n, first: after + 1, time: at}, saltCRC(r.salt))
		if _, err := w.Write(b); err != nil {
			return err
		}
		after += n
	}
	return nil
}

// keepDamaged copies a file beside itself under a name that is free.
func keepDamaged(fsys disk.FS, path string) (saved string, err error) {
	saved = path + ".damaged"
	for n := 2; exists(fsys, saved); n++ {
		saved = fmt.Sprintf("%s.damaged-%d", path, n)
	}
	f, err := fsys.Open(path)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	return saved, disk.WriteWhole(fsys, saved, func(w io.Writer) error {
		_, err := io.Copy(w, f)
		return err
	})
}

// repairMeta reads the meta file, or makes it again when it is damaged.
func repairMeta(fsys disk.FS, dir string, done *Repaired) (meta, error) {
	path := filepath.Join(dir, metaName)
	m, err := readMeta(fsys, dir)
	switch {
	case err == nil:
		return m, nil
	case disk.IsNotExist(err):
	case errors.Is(err, lake.ErrCorrupt):
		saved, err := keepDamaged(fsys, path)
		if err != nil {
			return m, err
		}
		done.Kept = append(done.Kept, saved)
	default:
		return m, err
	}
	if m, err = guessMeta(fsys, dir); err != nil {
		return m, err
	}
	done.Segments = append(done.Segments, path)
	return m, writeJSON(fsys, path, m)
}

// guessMeta makes the meta file's content from the segments' headers: they hold
// the salt, and a shard has a directory. The error is fs.ErrNotExist when no
// header can be read.
func guessMeta(fsys disk.FS, dir string) (meta, error) {
	m := meta{Version: formatVersion}
	found := false
	for n := range MaxShards {
		segments, err := listSegments(fsys, filepath.Join(dir, shardName(n)))
		if disk.IsNotExist(err) {
			break
		}
		if err != nil {
			return m, err
		}
		m.Shards++
		for _, g := range segments {
			if found {
				break
			}
			data, err := headerOf(fsys, g.path)
			if err != nil {
				return m, err
			}
			if h, err := parseHeader(data); err == nil && h.first == g.first {
				m.Salt, found = h.salt, true
			}
		}
	}
	if !found {
		return m, fmt.Errorf("no readable segment in %s: %w", dir, fs.ErrNotExist)
	}
	return m, nil
}
