package ledger

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
	"testing"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/laketest/crashfs"
	"github.com/eventlake/lake/local/disk"
)

// place writes a file as it is.
func place(t testing.TB, fsys disk.FS, path string, data []byte) {
	t.Helper()
	if err := fsys.Mkdir("d"); err != nil {
		t.Fatal(err)
	}
	err := disk.WriteWhole(fsys, path, func(w io.Writer) error {
		_, err := w.Write(data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func someFrame(t testing.TB, seq uint64) []byte {
	t.Helper()
	r := record{Shard: "s", Span: lake.Span{To: lake.Pos(3)}, Shards: []lake.ShardID{"s"}}
	b, err := appendRecord(beginFrame(nil), &r, []entry{{hi: 1, lo: 2, owner: ownerOf(0, 1)}}, 0, 3)
	if err != nil {
		t.Fatal(err)
	}
	if err := endFrame(b, seq); err != nil {
		t.Fatal(err)
	}
	return b
}

// FuzzLog opens a ledger whose log is any bytes: it opens or says ErrCorrupt,
// and what it opened it opens again.
func FuzzLog(f *testing.F) {
	whole := append(someFrame(f, 1), someFrame(f, 2)...)
	f.Add(whole[:len(whole)/2], false)
	f.Add(whole, false)
	f.Add(whole[frameHeader:len(whole)/2], true)
	f.Fuzz(func(t *testing.T, body []byte, framed bool) {
		if framed { // get past the checksum, to the record
			b := append(beginFrame(nil), body...)
			if err := endFrame(b, 1); err != nil {
				t.Skip()
			}
			body = b
		}
		fsys := crashfs.New(1)
		place(t, fsys, segmentPath("d", 1), append(appendSegmentHeader(nil, 1, 1), body...))
		var at lake.Position
		for i := range 2 {
			l, err := Open(t.Context(), fsys, "d", Options{inline: true})
			if err != nil {
				if i > 0 || !errors.Is(err, lake.ErrCorrupt) {
					t.Fatalf("open %d: %v", i, err)
				}
				return
			}
			p, err := l.Position(t.Context(), "s")
			if err != nil || i > 0 && p != at {
				t.Fatalf("position %s, then %s, %v", at, p, err)
			}
			at = p
			if err := l.Close(); err != nil {
				t.Fatal(err)
			}
		}
	})
}

func someRun(t testing.TB, n int) []byte {
	t.Helper()
	fsys := crashfs.New(1)
	if err := fsys.Mkdir("d"); err != nil {
		t.Fatal(err)
	}
	_, err := writeRun(fsys, "d", 1, func(int) error { return nil }, func(add func(*entry) error) error {
		for i := range n {
			if err := add(&entry{hi: uint64(i) << 40, lo: 7, owner: ownerOf(0, uint64(i+1))}); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	b, err := disk.ReadWhole(fsys, runPath("d", 1))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// FuzzRun reads any bytes as a run, with checksums made right, so that only
// the structure is wrong: no panic, and no error but ErrCorrupt.
func FuzzRun(f *testing.F) {
	for _, n := range []int{1, 127, 128} {
		f.Add(someRun(f, n), uint64(5)<<40, uint64(7))
	}
	f.Fuzz(func(t *testing.T, b []byte, hi, lo uint64) {
		b = bytes.Clone(b) // the engine keeps its own
		fixRun(b)
		fsys := crashfs.New(1)
		place(t, fsys, runPath("d", 1), b)
		r, err := openRun(fsys, "d", 1)
		if err == nil {
			_, _, err = r.find(id{hi, lo})
			r.filterOf(id{hi, lo}).contains(filterKey(hi, lo))
			if verr := r.verify(t.Context()); err == nil {
				err = verr
			}
			if e := r.file.Close(); e != nil {
				t.Fatal(e)
			}
		}
		if err != nil && !errors.Is(err, lake.ErrCorrupt) {
			t.Fatal(err)
		}
	})
}

// fixRun makes the checksums of a run fit its bytes.
func fixRun(b []byte) {
	if len(b) < runFooter {
		return
	}
	le := binary.LittleEndian
	foot := b[len(b)-runFooter:]
	body := b[:len(b)-runFooter]
	blocks := min(uint64(le.Uint32(foot[32:]))*blockSize, uint64(len(body)))
	for at := uint64(0); at+blockSize <= blocks; at += blockSize {
		block := b[at : at+blockSize]
		le.PutUint32(block[blockSize-4:], crc32.Checksum(block[:blockSize-4], castagnoli))
	}
	le.PutUint32(foot[48:], crc32.Checksum(body[blocks:], castagnoli))
	le.PutUint32(foot[60:], crc32.Checksum(foot[:60], castagnoli))
}
