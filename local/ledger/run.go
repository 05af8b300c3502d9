package ledger

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math/bits"
	"path/filepath"
	"sort"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/local/disk"
)

// A run is an immutable file of claims sorted by ID, each ID once:
//
//	blocks   4096 bytes each: up to 127 claims, zeros, then
//	         block number (4), claims in it (4), zeros (20), CRC-32C (4)
//	index    the first ID of each block, 16 bytes each
//	filters  one for each 4096 blocks
//	footer   64 bytes: "LAKERUN1", run number (8), claims (8), bytes of index
//	         and filters (8), blocks (4), blocks a filter (4), earliest and
//	         latest log time (4 + 4), CRC-32C of index and filters (4),
//	         zeros (12), CRC-32C of the footer before (4)
//
// Index and filters are in memory while the run is open: 1.26 bytes a claim.
// Blocks are read when a filter says that they may hold the ID.
const (
	runMagic     = "LAKERUN1"
	runFooter    = 64
	blockSize    = 4096
	blockTrailer = 32
	blockEntries = (blockSize - blockTrailer) / entrySize
	filterBlocks = 4096
)

// runInfo is what the ledger's state says of a run.
type runInfo struct {
	Number  uint64 `json:"number"`
	Claims  int64  `json:"claims"`
	Bytes   int64  `json:"bytes"`
	MinTime uint32 `json:"min_time"` // log time in seconds
	MaxTime uint32 `json:"max_time"`
}

// run is an open run.
type run struct {
	info    runInfo
	file    disk.File
	index   []id // first of each block
	filters []filter
	firsts  []id // first of each filter
	block   []byte
}

// id is an ID in the form that compares fast.
type id struct{ hi, lo uint64 }

func (a id) less(b id) bool { return a.hi < b.hi || a.hi == b.hi && a.lo < b.lo }

// openRun opens a run and reads and checks its index and filters.
func openRun(fsys disk.FS, dir string, number uint64) (r *run, err error) {
	f, err := fsys.Open(runPath(dir, number))
	if disk.IsNotExist(err) {
		return nil, fmt.Errorf("run %d is missing: %w", number, lake.ErrCorrupt)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", filepath.Base(runPath(dir, number)), err)
	}
	r = &run{file: f, block: make([]byte, blockSize)}
	if err := r.load(number); err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", filepath.Base(runPath(dir, number)), err), f.Close())
	}
	return r, nil
}

func (r *run) load(number uint64) error {
	size, err := r.file.Size()
	if err != nil {
		return err
	}
	if size < runFooter {
		return fmt.Errorf("%d bytes: %w", size, lake.ErrCorrupt)
	}
	var foot [runFooter]byte
	if err := readFull(r.file, foot[:], size-runFooter); err != nil {
		return err
	}
	le := binary.LittleEndian
	if string(foot[:8]) != runMagic || le.Uint32(foot[60:]) != crc32.Checksum(foot[:60], castagnoli) {
		return fmt.Errorf("damaged footer: %w", lake.ErrCorrupt)
	}
	tail, blocks, per := int64(le.Uint64(foot[24:])), int64(le.Uint32(foot[32:])), le.Uint32(foot[36:])
	r.info = runInfo{
		Number: le.Uint64(foot[8:]), Claims: int64(le.Uint64(foot[16:])), Bytes: size,
		MinTime: le.Uint32(foot[40:]), MaxTime: le.Uint32(foot[44:]),
	}
	if r.info.Number != number || per != filterBlocks || tail < 0 || tail > size ||
		blocks*blockSize+tail+runFooter != size || blocks == 0 ||
		r.info.Claims <= (blocks-1)*blockEntries || r.info.Claims > blocks*blockEntries {
		return fmt.Errorf("footer does not fit the file: %w", lake.ErrCorrupt)
	}
	b := make([]byte, tail)
	if err := readFull(r.file, b, blocks*blockSize); err != nil {
		return err
	}
	if le.Uint32(foot[48:]) != crc32.Checksum(b, castagnoli) {
		return fmt.Errorf("damaged index: %w", lake.ErrCorrupt)
	}
	return r.parseTail(b, int(blocks))
}

func (r *run) parseTail(b []byte, blocks int) error {
	const idSize = 16
	if len(b) < blocks*idSize {
		return fmt.Errorf("index of %d bytes: %w", len(b), lake.ErrCorrupt)
	}
	r.index = make([]id, blocks)
	for i := range r.index {
		r.index[i] = id{binary.BigEndian.Uint64(b), binary.BigEndian.Uint64(b[8:])}
		b = b[idSize:]
	}
	// Only the fingerprints stay: not the index's bytes in front of them.
	b = append(make([]byte, 0, len(b)), b...)
	for i := 0; i < blocks; i += filterBlocks {
		f, rest, err := parseFilter(b)
		if err != nil {
			return err
		}
		r.filters = append(r.filters, f)
		r.firsts = append(r.firsts, r.index[i])
		b = rest
	}
	if len(b) > 0 {
		return fmt.Errorf("%d bytes behind the filters: %w", len(b), lake.ErrCorrupt)
	}
	return nil
}

// filterOf returns the filter that knows the ID if the run does. IDs are
// hashes, so a guess by proportion is right or nearly so.
func (r *run) filterOf(want id) *filter {
	n := len(r.firsts)
	g, _ := bits.Mul64(want.hi, uint64(n))
	i := int(g)
	for i > 0 && want.less(r.firsts[i]) {
		i--
	}
	for i+1 < n && !want.less(r.firsts[i+1]) {
		i++
	}
	return &r.filters[i]
}

// find returns the claim of an ID. It is not safe for concurrent use.
func (r *run) find(want id) (e entry, ok bool, err error) {
	n := sort.Search(len(r.index), func(i int) bool { return want.less(r.index[i]) }) - 1
	if n < 0 {
		return e, false, nil
	}
	count, err := r.readBlock(r.block, n)
	if err != nil {
		return e, false, err
	}
	i := sort.Search(count, func(i int) bool {
		at := r.block[i*entrySize:]
		return !id{binary.BigEndian.Uint64(at), binary.BigEndian.Uint64(at[8:])}.less(want)
	})
	if i == count {
		return e, false, nil
	}
	e.get(r.block[i*entrySize:])
	return e, e.hi == want.hi && e.lo == want.lo, nil
}

// readBlock reads and checks block n into b and returns how many claims are in
// it.
func (r *run) readBlock(b []byte, n int) (count int, err error) {
	if err := readFull(r.file, b[:blockSize], int64(n)*blockSize); err != nil {
		return 0, fmt.Errorf("run %d block %d: %w", r.info.Number, n, err)
	}
	count, err = checkBlock(b[:blockSize], n)
	if err != nil {
		return 0, lake.Errorf(lake.ErrCorrupt, "run lake doctor: it can rebuild the ledger from the raw files",
			"ledger run %d, block %d at byte %d: %s", r.info.Number, n, int64(n)*blockSize, err)
	}
	return count, nil
}

var errBlock = errors.New("checksum does not fit")

func checkBlock(b []byte, n int) (count int, err error) {
	le := binary.LittleEndian
	if le.Uint32(b[blockSize-4:]) != crc32.Checksum(b[:blockSize-4], castagnoli) {
		return 0, errBlock
	}
	t := b[blockSize-blockTrailer:]
	count = int(le.Uint32(t[4:]))
	if le.Uint32(t) != uint32(n) || count == 0 || count > blockEntries {
		return 0, fmt.Errorf("it calls itself block %d with %d claims", le.Uint32(t), count)
	}
	return count, nil
}

// memory is what the open run holds in bytes.
func (r *run) memory() (n int64) {
	for i := range r.filters {
		n += int64(len(r.filters[i].fingerprints))
	}
	return n + int64(len(r.index)+len(r.firsts))*16 + blockSize
}

// readFull is ReadAt that takes a short file for damage.
func readFull(r io.ReaderAt, b []byte, at int64) error {
	n, err := r.ReadAt(b, at)
	if n == len(b) {
		return nil
	}
	if errors.Is(err, io.EOF) {
		return fmt.Errorf("the file ends at byte %d: %w", at+int64(n), lake.ErrCorrupt)
	}
	return err
}
