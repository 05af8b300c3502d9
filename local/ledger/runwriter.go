package ledger

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"

	"github.com/FastFilter/xorfilter"

	"github.com/eventlake/lake/local/disk"
)

// runWriter writes a run from claims that come sorted by ID, each ID once.
type runWriter struct {
	w       io.Writer
	pace    func(bytes int) error // called before bytes are written
	info    runInfo
	out     []byte // blocks to be written
	block   []byte // the block being filled
	count   int    // claims in it
	blocks  int
	index   []byte
	filters []byte
	keys    []uint64 // of the filter being filled
	builder xorfilter.BinaryFuseBuilder
}

// writeBuffer is how much is written at once.
const writeBuffer = 256 << 10

// writeRun writes a run whole and durable. claims calls add for each claim, in
// order; without any there is no run and info.Claims is 0.
func writeRun(fsys disk.FS, dir string, number uint64, pace func(int) error,
	claims func(add func(*entry) error) error) (info runInfo, err error) {
	w := &runWriter{
		pace: pace, info: runInfo{Number: number},
		block: make([]byte, blockSize),
	}
	errEmpty := fmt.Errorf("run %d would be empty", number)
	err = disk.WriteWhole(fsys, runPath(dir, number), func(out io.Writer) error {
		w.w = out
		if err := claims(w.add); err != nil {
			return err
		}
		if w.info.Claims == 0 {
			return errEmpty
		}
		return w.finish()
	})
	if err != nil && w.info.Claims == 0 && errors.Is(err, errEmpty) {
		return w.info, nil
	}
	return w.info, disk.Full(err)
}

func (w *runWriter) add(e *entry) error {
	if w.count == 0 {
		w.index = binary.BigEndian.AppendUint64(w.index, e.hi)
		w.index = binary.BigEndian.AppendUint64(w.index, e.lo)
	}
	e.put(w.block[w.count*entrySize:])
	w.count++
	w.keys = append(w.keys, filterKey(e.hi, e.lo))
	if w.info.Claims == 0 {
		w.info.MinTime = e.time
	}
	w.info.MinTime = min(w.info.MinTime, e.time)
	w.info.MaxTime = max(w.info.MaxTime, e.time)
	w.info.Claims++
	if w.count < blockEntries {
		return nil
	}
	return w.endBlock()
}

func (w *runWriter) endBlock() error {
	clear(w.block[w.count*entrySize:])
	t := w.block[blockSize-blockTrailer:]
	binary.LittleEndian.PutUint32(t, uint32(w.blocks))
	binary.LittleEndian.PutUint32(t[4:], uint32(w.count))
	binary.LittleEndian.PutUint32(t[blockTrailer-4:], crc32.Checksum(w.block[:blockSize-4], castagnoli))
	w.out = append(w.out, w.block...)
	w.blocks++
	w.count = 0
	if w.blocks%filterBlocks == 0 {
		if err := w.endFilter(); err != nil {
			return err
		}
	}
	if len(w.out) < writeBuffer {
		return nil
	}
	return w.flush()
}

func (w *runWriter) endFilter() (err error) {
	w.filters, err = appendFilter(w.filters, &w.builder, w.keys)
	w.keys = w.keys[:0]
	return err
}

func (w *runWriter) flush() error {
	if err := w.pace(len(w.out)); err != nil {
		return err
	}
	n, err := w.w.Write(w.out)
	w.info.Bytes += int64(n)
	w.out = w.out[:0]
	return err
}

func (w *runWriter) finish() error {
	if w.count > 0 {
		if err := w.endBlock(); err != nil {
			return err
		}
	}
	if len(w.keys) > 0 {
		if err := w.endFilter(); err != nil {
			return err
		}
	}
	crc := crc32.Update(crc32.Checksum(w.index, castagnoli), castagnoli, w.filters)
	tail := uint64(len(w.index) + len(w.filters))
	w.out = append(append(w.out, w.index...), w.filters...)

	le := binary.LittleEndian
	foot := append(make([]byte, 0, runFooter), runMagic...)
	foot = le.AppendUint64(foot, w.info.Number)
	foot = le.AppendUint64(foot, uint64(w.info.Claims))
	foot = le.AppendUint64(foot, tail)
	foot = le.AppendUint32(foot, uint32(w.blocks))
	foot = le.AppendUint32(foot, filterBlocks)
	foot = le.AppendUint32(foot, w.info.MinTime)
	foot = le.AppendUint32(foot, w.info.MaxTime)
	foot = le.AppendUint32(foot, crc)
	foot = append(foot, make([]byte, runFooter-4-len(foot))...)
	foot = le.AppendUint32(foot, crc32.Checksum(foot, castagnoli))
	w.out = append(w.out, foot...)
	return w.flush()
}
