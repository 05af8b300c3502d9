package ledger

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path/filepath"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/local/disk"
)

// snapshot is the head of a snapshot file: the state before the log frame
// numbered Next. The file is a row of frames numbered from 0, each one JSON
// document: the head, then parts with files and books, then an empty one.
type snapshot struct {
	Format  string `json:"format"`
	Segment uint64 `json:"segment"` // the log segment that begins behind it
	Next    uint64 `json:"next"`    // the first frame that is not in it
	// Rebuilt says that it was not made from a log, so that none need follow.
	Rebuilt bool           `json:"rebuilt,omitempty"`
	Shards  []lake.ShardID `json:"shards"` // by number
	// Positions are the committed ones, by shard number.
	Positions []uint64                       `json:"positions"`
	Names     []lake.Name                    `json:"names"`
	Curated   map[lake.ShardID]lake.Position `json:"curated"`
	Runs      []runInfo                      `json:"runs"`
	Files     int                            `json:"files"`
	Books     int                            `json:"books"`
	Last      lake.Instant                   `json:"last"`
	// Forgot is the log time in seconds before which Runs may lack claims.
	Forgot uint32 `json:"forgot,omitempty"`
}

type snapshotPart struct {
	Files []lake.File  `json:"files,omitempty"`
	Books []lake.Tally `json:"books,omitempty"`
}

const (
	snapshotFormat = "lake ledger snapshot 1"
	// partItems is how many files or tallies one frame of a snapshot holds.
	partItems = 500
)

func (v *view) head() snapshot {
	return snapshot{
		Format: snapshotFormat, Shards: v.shards, Positions: v.committed,
		Names: v.names, Curated: v.curated, Runs: v.runs, Forgot: v.forgot,
	}
}

// writeSnapshot replaces the snapshot atomically and returns its size in bytes.
func writeSnapshot(fsys disk.FS, dir string, head snapshot, v *view) (size int64, err error) {
	for _, c := range v.chunks {
		head.Files += len(c)
	}
	tallies := v.Books()
	head.Books = len(tallies)
	err = disk.WriteWhole(fsys, filepath.Join(dir, snapshotName), func(w io.Writer) error {
		const buffer = 32 << 10
		out := snapshotWriter{w: bufio.NewWriterSize(w, buffer)}
		out.frame(head)
		part := snapshotPart{Files: make([]lake.File, 0, partItems)}
		for f := range v.Files("") {
			if part.Files = append(part.Files, f); len(part.Files) == partItems {
				out.frame(part)
				part.Files = part.Files[:0]
			}
		}
		out.frame(part)
		for len(tallies) > 0 {
			n := min(len(tallies), partItems)
			out.frame(snapshotPart{Books: tallies[:n]})
			tallies = tallies[n:]
		}
		out.frame(snapshotPart{})
		if out.err == nil {
			out.err = out.w.Flush()
		}
		size = out.size
		return out.err
	})
	return size, err
}

type snapshotWriter struct {
	w    *bufio.Writer
	buf  []byte
	seq  uint64
	size int64
	err  error // the first; nothing is written after it
}

func (s *snapshotWriter) frame(doc any) {
	if s.err != nil {
		return
	}
	text, err := json.Marshal(doc)
	if err != nil {
		s.err = err
		return
	}
	s.buf = append(beginFrame(s.buf[:0]), text...)
	if s.err = endFrame(s.buf, s.seq); s.err != nil {
		return
	}
	s.seq++
	s.size += int64(len(s.buf))
	_, s.err = s.w.Write(s.buf)
}

// readSnapshot returns the head and the state that the snapshot holds.
func readSnapshot(fsys disk.FS, dir string) (head snapshot, s *state, size int64, err error) {
	f, err := fsys.Open(filepath.Join(dir, snapshotName))
	if err != nil {
		return head, nil, 0, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if size, err = f.Size(); err != nil {
		return head, nil, 0, err
	}
	const buffer = 256 << 10
	in := frames{r: bufio.NewReaderSize(f, int(min(size, buffer))), left: size}
	var seq uint64
	decode := func(doc any) error {
		at, payload, _, err := in.next()
		if errors.Is(err, io.EOF) || errors.Is(err, errBadFrame) || err == nil && at != seq {
			return fmt.Errorf("no whole frame at byte %d: %w", in.offset, lake.ErrCorrupt)
		}
		if err != nil {
			return err
		}
		seq++
		if err := json.Unmarshal(payload, doc); err != nil {
			return fmt.Errorf("frame %d: %w: %w", at, err, lake.ErrCorrupt)
		}
		return nil
	}
	if err := decode(&head); err != nil {
		return head, nil, 0, err
	}
	if s, err = stateOf(&head); err != nil {
		return head, nil, 0, err
	}
	files, tallies := 0, 0
	for in.left > 0 {
		var part snapshotPart
		if err := decode(&part); err != nil {
			return head, nil, 0, err
		}
		for _, file := range part.Files {
			if s.files.byKey[file.Key] != nil {
				return head, nil, 0, fmt.Errorf("file %s twice: %w", file.Key, lake.ErrCorrupt)
			}
			s.addFile(file)
		}
		for _, t := range part.Books {
			s.books.add(t)
		}
		files += len(part.Files)
		tallies += len(part.Books)
	}
	if files != head.Files || tallies != head.Books {
		return head, nil, 0, fmt.Errorf("%d files and %d tallies instead of %d and %d: %w",
			files, tallies, head.Files, head.Books, lake.ErrCorrupt)
	}
	return head, s, size, nil
}

// stateOf is the state that the head alone describes.
func stateOf(head *snapshot) (*state, error) {
	if head.Format != snapshotFormat {
		return nil, lake.Errorf(lake.ErrInvalid, "it was written by another version of the program", "snapshot format %q", head.Format)
	}
	if len(head.Positions) != len(head.Shards) {
		return nil, fmt.Errorf("%d positions for %d shards: %w", len(head.Positions), len(head.Shards), lake.ErrCorrupt)
	}
	s := newState()
	for i, id := range head.Shards {
		sh, err := s.shard(id)
		if err != nil || int(sh.number) != i {
			return nil, fmt.Errorf("shard %d, %q: %w", i, id, lake.ErrCorrupt)
		}
		sh.committed = head.Positions[i]
	}
	s.named = len(head.Shards)
	for _, n := range head.Names {
		s.admit(n)
	}
	s.mark(head.Curated)
	s.runs = head.Runs
	s.last = head.Last
	s.forgot = head.Forgot
	return s, nil
}
