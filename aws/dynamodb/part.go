package dynamodb

import (
	"fmt"
	"hash/crc32"

	"github.com/eventlake/lake"
)

const (
	// fullPart is how many files a part has that is kept in an object of its own.
	// Such a part is written once and read by those who need one of its files.
	fullPart = 2048
	// tailFiles is how many files a state has unpacked before they become a part:
	// a file unpacked takes more than ten times the memory.
	tailFiles = 256
)

// part is a run of files of one log, in commit order, in few bytes (see packer).
// What it says of its files does not change; an object's content is read when
// somebody needs one of them, and stays then.
type part struct {
	files   int
	to      lake.Position // the furthest end of a span of the log's own shard
	foreign bool          // there are files of other shards
	from    lake.Instant  // the earliest Received
	until   lake.Instant  // the latest
	object  lake.Key      // "": the content lies in the checkpoint, or is in no checkpoint yet
	size    int           // of the content, in bytes
	crc     uint32        // CRC-32C of the content
	content []byte        // nil: not read yet
}

// note adds a file to what the part says of its files.
func (p *part) note(shard lake.ShardID, f *lake.File) {
	if p.files == 0 {
		p.from, p.until = f.Received, f.Received
	}
	p.files++
	p.from, p.until = min(p.from, f.Received), max(p.until, f.Received)
	if f.Shard != shard {
		p.foreign = true
	} else if f.Span.To.After(p.to) {
		p.to = f.Span.To
	}
}

// fill gives the part its content, once it has proved to be that.
func (p *part) fill(shard lake.ShardID, content []byte) error {
	if len(content) != p.size || checksum(content) != p.crc {
		return fmt.Errorf("a part of %d files has not the bytes that were written: %w", p.files, lake.ErrCorrupt)
	}
	u, err := newUnpacker(shard, content)
	if err != nil {
		return err
	}
	for range p.files {
		if err := u.next(); err != nil {
			return err
		}
	}
	if len(u.rows) > 0 {
		return fmt.Errorf("%d bytes behind the last file of a part: %w", len(u.rows), lake.ErrCorrupt)
	}
	p.content = content
	return nil
}

// each calls yield for the files of a part whose content is there, until it
// returns false. The unpacker is at the file.
func (p *part) each(shard lake.ShardID, yield func(*unpacker) bool) {
	u := p.open(shard)
	for range p.files {
		u.must()
		if !yield(u) {
			return
		}
	}
}

// open returns the way through a part whose content is there.
func (p *part) open(shard lake.ShardID) *unpacker {
	u, err := newUnpacker(shard, p.content)
	if err != nil {
		panic(fmt.Sprintf("a part that was read before: %v", err)) // fill has seen it whole, or a packer has made it
	}
	return u
}

// without returns the part without the files of the keys, which it takes out of
// gone: itself when it has none of them, nil when it has no others.
func (p *part) without(shard lake.ShardID, gone map[string]bool) *part {
	hits := make([]bool, 0, p.files)
	left := p.files
	var key []byte
	p.each(shard, func(u *unpacker) bool {
		key = u.appendKey(key[:0])
		hit := gone[string(key)]
		if hit {
			delete(gone, string(key))
			left--
		}
		hits = append(hits, hit)
		return true
	})
	switch left {
	case p.files:
		return p
	case 0:
		return nil
	}
	k := newPacker(shard)
	i := 0
	p.each(shard, func(u *unpacker) bool {
		if !hits[i] {
			f := u.live()
			k.add(&f.file, f.committed)
		}
		i++
		return true
	})
	return k.part()
}

func checksum(b []byte) uint32 { return crc32.Checksum(b, crc32.MakeTable(crc32.Castagnoli)) }
