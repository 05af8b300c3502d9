package stream

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"path/filepath"
	"slices"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/local/disk"
)

// Known is what others know about a stream whose files are damaged.
type Known struct {
	// Read is how far somebody has read each shard: its log did not end before.
	Read map[lake.ShardID]lake.Position
	// Decided is up to where nobody needs the records of a shard any more: what
	// it may begin behind. Where its log begins later the records between are lost.
	// A shard that is not named is at the beginning; nil when that is not known.
	Decided map[lake.ShardID]lake.Position
	// Shards is how many there are when nothing else tells.
	Shards int
	// EndLost is told, before anything is changed, of a shard whose end is gone
	// when nothing tells how far it went: after is the last position that is known
	// to have been there. An error ends the repair. May be nil.
	EndLost func(id lake.ShardID, after lake.Position) error
}

// Repaired is what Repair did.
type Repaired struct {
	Segments []string                     `json:"segments"` // paths of what was written anew
	Kept     []string                     `json:"kept"`     // paths of the damaged originals
	Lost     map[lake.ShardID][]lake.Span `json:"lost"`     // positions now marked as lost
}

// Repair makes a damaged stream that nobody has open readable again: every
// frame that checks is kept, a gap frame takes the place of what was lost, and a
// damaged file stays beside as NAME.damaged. Positions do not move. Where a log
// ends before the place that it is known to have come to (it was noted, somebody
// or a named consumer has read so far), the rest is marked as lost too, so that
// no position is used twice. A damaged or missing meta file is made again from
// the segments. A repeat finds nothing.
func Repair(ctx context.Context, fsys disk.FS, dir string, known Known) (done Repaired, err error) {
	done.Lost = map[lake.ShardID][]lake.Span{}
	if err := fsys.Mkdir(filepath.Join(dir, consumersName)); err != nil {
		return done, err
	}
	saved, err := repairEnds(fsys, dir, &done)
	if err != nil {
		return done, fmt.Errorf("repair %s: %w", endsName, err)
	}
	m, err := repairMeta(fsys, dir, known.shards(&saved), &done)
	if err != nil {
		return done, fmt.Errorf("repair %s: %w", metaName, err)
	}
	shards := make([]repair, m.Shards)
	for n := range shards {
		shards[n] = repair{ctx: ctx, fsys: fsys, shard: n, salt: m.Salt, id: lake.ShardID(shardName(n)), done: &done}
		if err := shards[n].look(dir, &saved, &known); err != nil {
			return done, fmt.Errorf("repair %s: %w", shardName(n), err)
		}
	}
	for n := range shards {
		if err := shards[n].run(); err != nil {
			return done, err
		}
	}
	if slices.ContainsFunc(shards, func(r repair) bool { return r.gone }) {
		return done, removeEnds(fsys, dir) // they name what is not there
	}
	return done, nil
}

// shards is the number of shards that is known without a meta file; 0 when none
// is.
func (k *Known) shards(saved *savedEnds) (n int) {
	for at := range MaxShards {
		id := lake.ShardID(shardName(at))
		_, noted := saved.Shards[id]
		_, read := k.Read[id]
		_, decided := k.Decided[id]
		if noted || read || decided {
			n = at + 1
		}
	}
	if n > 0 {
		n = max(n, k.Shards)
	}
	return n
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
	id    lake.ShardID
	salt  uint64
	done  *Repaired
	time  lake.Instant // log time so far

	dir      string
	segments []*segment
	after    uint64 // the log may begin behind this position
	reach    uint64 // and it did not end before this one
	gone     bool   // its end
}

// look finds out what there should be, tells of an end that nobody knows, and
// changes nothing that counts.
func (r *repair) look(dir string, saved *savedEnds, known *Known) error {
	r.dir = filepath.Join(dir, shardName(r.shard))
	if err := r.fsys.Mkdir(r.dir); err != nil {
		return err
	}
	var err error
	if r.segments, err = listSegments(r.fsys, r.dir); err != nil {
		return err
	}
	for _, p := range []lake.Position{known.Read[r.id], known.Decided[r.id]} {
		n, err := ordinal(p)
		if err != nil {
			return err
		}
		r.reach = max(r.reach, n)
	}
	read, err := consumersReach(r.fsys, dir, r.id)
	if err != nil {
		return err
	}
	r.reach = max(r.reach, read)
	r.after, _ = known.Decided[r.id].Uint64()
	if known.Decided == nil && len(r.segments) > 0 {
		r.after = r.segments[0].first - 1
	}
	var active, last uint64
	r.gone = len(r.segments) == 0
	if !r.gone {
		g := *r.segments[len(r.segments)-1]
		if last, r.gone, err = r.end(&g); err != nil {
			return err
		}
		active = g.first
	}
	what, _ := saved.shortened(r.id, active, last)
	r.gone = r.gone || what != "" || r.reach > last
	if r.gone && !saved.exact(r.id, last, r.reach) && known.EndLost != nil {
		if err := known.EndLost(r.id, lake.Pos(max(r.reach, saved.reach(r.id), last))); err != nil {
			return err
		}
	}
	r.reach = max(r.reach, saved.reach(r.id))
	return nil
}

// end is the last position of the last segment; gone when nothing of the file
// can be read, its head neither. A crash leaves no such file.
func (r *repair) end(g *segment) (last uint64, gone bool, err error) {
	err = readHeader(r.fsys, g, r.shard, r.salt)
	if err != nil && !errors.Is(err, lake.ErrCorrupt) {
		return 0, false, err
	}
	gone = err != nil
	next, err := survey(r.ctx, r.fsys, g, r.salt, 0, func(pc piece) error {
		gone = gone && pc.data == nil
		return nil
	})
	return next - 1, gone, err
}

// run repairs the shard.
func (r *repair) run() error {
	switch {
	case len(r.segments) == 0:
		return r.fresh(lake.Span{After: lake.Pos(r.after), To: lake.Pos(max(r.after, r.reach))})
	case r.segments[0].first > r.after+1:
		first := *r.segments[0]
		if err := readHeader(r.fsys, &first, r.shard, r.salt); err == nil {
			r.time = first.time
		} else if !errors.Is(err, lake.ErrCorrupt) {
			return err
		}
		if err := r.fresh(lake.Span{After: lake.Pos(r.after), To: lake.Pos(first.first - 1)}); err != nil {
			return err
		}
	}
	for i, g := range r.segments {
		var end uint64
		want := r.reach
		if i+1 < len(r.segments) {
			end, want = r.segments[i+1].first-1, 0
		}
		var prev *segment
		if i > 0 {
			prev = r.segments[i-1]
		}
		if err := r.segment(g, prev, end, want); err != nil {
			return fmt.Errorf("repair %s: %w", g.path, err)
		}
	}
	return nil
}

// fresh puts a segment with nothing but a gap in front of the others.
func (r *repair) fresh(lost lake.Span) error {
	after, _ := lost.After.Uint64()
	g := &segment{header: header{shard: r.shard, first: after + 1, prev: after, salt: r.salt, time: r.time}, path: segmentPath(r.dir, after+1)}
	if !lost.Empty() {
		g.flags |= flagGaps
	}
	err := disk.WriteWhole(r.fsys, g.path, func(w io.Writer) error {
		if _, err := w.Write(appendHeader(nil, g.header)); err != nil {
			return err
		}
		return r.gap(w, lost, g.time)
	})
	if err != nil {
		return fmt.Errorf("repair %s: %w", g.path, err)
	}
	to, _ := lost.To.Uint64()
	g.size = headerSize
	for n := after; n < to; n += math.MaxUint32 {
		g.size += frameHeaderSize
	}
	r.segments = append([]*segment{g}, r.segments...)
	r.done.Segments = append(r.done.Segments, g.path)
	return nil
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
	r.done.Lost[r.id] = append(r.done.Lost[r.id], lost)
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

// repairMeta reads the meta file, or makes it again when it is damaged, for at
// least so many shards.
func repairMeta(fsys disk.FS, dir string, shards int, done *Repaired) (meta, error) {
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
	if m, err = guessMeta(fsys, dir, shards); err != nil {
		return m, err
	}
	done.Segments = append(done.Segments, path)
	return m, writeJSON(fsys, path, m)
}

// guessMeta makes the meta file's content from the segments' headers: they hold
// the salt, and a shard has a directory. Where no header can be read no frame can
// be either, and the salt is a new one for at least so many shards; the error is
// fs.ErrNotExist when that is none.
func guessMeta(fsys disk.FS, dir string, least int) (meta, error) {
	m := meta{Version: formatVersion}
	found := false
	for n := range MaxShards {
		segments, err := listSegments(fsys, filepath.Join(dir, shardName(n)))
		if disk.IsNotExist(err) {
			continue
		}
		if err != nil {
			return m, err
		}
		m.Shards = n + 1
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
	m.Shards = max(m.Shards, least)
	if found {
		return m, nil
	}
	if least == 0 {
		return m, fmt.Errorf("no readable segment in %s: %w", dir, fs.ErrNotExist)
	}
	return newMeta(m.Shards)
}
