package raw

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"math/bits"
	"slices"

	"github.com/zeebo/xxh3"

	"github.com/eventlake/lake"
)

// MergeOptions say when small raw files become one.
type MergeOptions struct {
	Files int   // merge when at least so many files of about one size lie in a partition; default 8
	Bytes int64 // files of this compressed size stay as they are; default 64 MiB
}

func (o MergeOptions) withDefaults() MergeOptions {
	if o.Files < 2 {
		o.Files = 8
	}
	if o.Bytes <= 0 {
		o.Bytes = 64 << 20
	}
	return o
}

// Merged is what merging did.
type Merged struct {
	From  int   `json:"from"` // files before
	To    int   `json:"to"`   // files after
	Bytes int64 `json:"bytes"`
}

// enough reports whether so many files of so many bytes together are merged.
func (o MergeOptions) enough(files int, size int64) bool {
	return files >= o.Files || files > 1 && size >= o.Bytes
}

// Merge joins small raw files of one partition and shard. gzip members
// concatenate to a valid gzip file (RFC 1952, section 2.2), so nothing is
// packed again. Only files at or below the curated mark are touched: nobody
// waits for them. Each group is one ledger commit; the old objects stay until
// Sweep finds them unused. A repeat finds nothing to do. A file that is missing
// or damaged holds up no other: its group is merged without it, and the error
// names all such files.
func Merge(ctx context.Context, ledger lake.Ledger, store lake.Store, curated map[lake.ShardID]lake.Position, o MergeOptions) (Merged, error) {
	o = o.withDefaults()
	journal, err := ledger.Journal(ctx)
	if err != nil {
		return Merged{}, err
	}
	var done Merged
	var unread []error
	for _, group := range mergeGroups(journal.Files(lake.KindRaw), curated, o) {
		f, bad, err := mergeReadable(ctx, store, group, o)
		unread = append(unread, bad...)
		if err != nil {
			return done, errors.Join(append(unread, err)...)
		}
		if len(f.from) == 0 {
			continue
		}
		err = ledger.Commit(ctx, lake.Commit{Shard: f.Shard, Add: []lake.File{f.File}, Remove: f.from})
		if errors.Is(err, lake.ErrStale) {
			continue // another merge was faster; what was written is swept
		}
		if err != nil {
			return done, errors.Join(append(unread, fmt.Errorf("commit the merge of %d files into %s: %w", len(f.from), f.Key, err))...)
		}
		done.From += len(f.from)
		done.To++
		done.Bytes += f.Bytes
	}
	return done, errors.Join(unread...)
}

// merged is a file and what it was merged from.
type merged struct {
	lake.File
	from []lake.File
}

// mergeReadable merges those files of a group that can be read, when they are
// enough; from is empty when they are not. bad has an error for each other one.
func mergeReadable(ctx context.Context, store lake.Store, group []lake.File, o MergeOptions) (m merged, bad []error, err error) {
	for {
		var size int64
		for _, f := range group {
			size += f.Bytes
		}
		if !o.enough(len(group), size) {
			return merged{}, bad, nil
		}
		if err := ctx.Err(); err != nil {
			return merged{}, bad, err
		}
		f, unread, err := mergeFiles(ctx, store, group)
		if err == nil {
			return merged{f, group}, bad, nil
		}
		err = fmt.Errorf("merge raw files: %w", err)
		if unread < 0 || ctx.Err() != nil {
			return merged{}, bad, err
		}
		bad = append(bad, err)
		group = slices.Delete(slices.Clone(group), unread, unread+1)
	}
}

// tier is what files are grouped by: a file only meets others of about its
// size, so that a byte is copied once a tier and not once a merge.
type tier struct {
	partition lake.Partition
	shard     lake.ShardID
	size      int
}

func mergeGroups(files iter.Seq[lake.File], curated map[lake.ShardID]lake.Position, o MergeOptions) [][]lake.File {
	tiers := map[tier][]lake.File{}
	var order []tier
	for f := range files {
		if f.Bytes >= o.Bytes || f.Span.To.After(curated[f.Shard]) {
			continue
		}
		k := tier{f.Partition, f.Shard, bits.Len64(uint64(f.Bytes)) / 3}
		if tiers[k] == nil {
			order = append(order, k)
		}
		tiers[k] = append(tiers[k], f)
	}
	var out [][]lake.File
	for _, k := range order {
		var group []lake.File
		var size int64
		for _, f := range tiers[k] {
			group, size = append(group, f), size+f.Bytes
			if size >= o.Bytes {
				out = append(out, group)
				group, size = nil, 0
			}
		}
		if o.enough(len(group), size) {
			out = append(out, group)
		}
	}
	return out
}

// mergeFiles writes one file of a group. unread is the place in the group of a
// file that cannot be read, -1 when that is not what failed.
func mergeFiles(ctx context.Context, store lake.Store, group []lake.File) (f lake.File, unread int, err error) {
	f = group[0]
	for _, g := range group[1:] {
		f.Span = f.Span.Join(g.Span)
		f.Events += g.Events
		f.MinTime, f.MaxTime, f.Received = min(f.MinTime, g.MinTime), max(f.MaxTime, g.MaxTime), max(f.Received, g.Received)
	}
	f.Key = lake.Key(Root + f.Partition.Dir() + "/" + SpanName(mergedPrefix(group), f.Shard, f.Span) + ".ndjson.gz")
	unread = -1
	// A leftover of the same merge has the same bytes.
	info, err := store.Create(ctx, f.Key, func(w io.Writer) error {
		unread = -1 // a store may try more than once
		out := &writing{w: w}
		for i, g := range group {
			if err := copyChecked(ctx, out, store, g); err != nil {
				if out.err == nil {
					unread = i
				}
				return err
			}
		}
		return nil
	})
	f.Bytes, f.CRC = info.Bytes, info.CRC
	return f, unread, err
}

// writing tells errors of writing from those of reading.
type writing struct {
	w   io.Writer
	err error
}

func (w *writing) Write(p []byte) (int, error) {
	n, err := w.w.Write(p)
	w.err = err
	return n, err
}

// mergedPrefix begins the name of what the files are merged into. Span and
// number of files do not tell two merges apart: a group leaves out the files of
// other sizes that lie between its own, and what comes out can meet those later
// between the same ends. The names of the files do, as no name is used twice.
func mergedPrefix(group []lake.File) string {
	var names []byte
	for _, f := range group {
		names = append(append(names, f.Key...), '\n')
	}
	return fmt.Sprintf("merged%d.%016x", len(group), xxh3.Hash(names))
}

// copyChecked copies an object and refuses one whose checksum is wrong, so
// that merging cannot hide damage under a new checksum.
func copyChecked(ctx context.Context, w io.Writer, store lake.Store, f lake.File) (err error) {
	obj, err := store.Open(ctx, f.Key)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, obj.Close()) }()
	crc := newCRC()
	n, err := io.Copy(io.MultiWriter(w, crc), obj)
	if err != nil {
		return err
	}
	if n != f.Bytes || crc.Sum32() != f.CRC {
		return damaged(f, "does not match its checksum, so it is not merged")
	}
	return nil
}
