package dynamodb

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/eventlake/lake"
)

// record is one commit, without the claims.
type record struct {
	time   lake.Instant
	span   lake.Span
	add    []lake.File
	remove []lake.Key
	books  []lake.Tally
	names  []lake.Name
}

// wireRecord is a record as it is stored.
type wireRecord struct {
	Time   lake.Instant `json:"time"`
	Span   *lake.Span   `json:"span,omitempty"` // nil when no position moves
	Add    wireFiles    `json:"add,omitzero"`
	Remove []lake.Key   `json:"remove,omitempty"`
	Books  []lake.Tally `json:"books,omitempty"`
	Names  []lake.Name  `json:"names,omitempty"`
}

// wireState is a state as a checkpoint stores it.
type wireState struct {
	Commits  uint64        `json:"commits"`
	Position lake.Position `json:"position"`
	Time     lake.Instant  `json:"time"`
	Files    wireFiles     `json:"files,omitzero"`
	Books    []lake.Tally  `json:"books,omitempty"`
	Names    []wireName    `json:"names,omitempty"`
}

type wireName struct {
	lake.Name
	Time lake.Instant `json:"time"`
}

// wireFiles stores files with what they share said once: there may be hundreds
// of thousands.
type wireFiles struct {
	Partitions []lake.Partition `json:"partitions,omitempty"`
	Files      []wireFile       `json:"files,omitempty"`
}

type wireFile struct {
	Key       lake.Key      `json:"k"`           // without the directory, when Short
	Short     bool          `json:"d,omitempty"` // the directory is that of kind and partition
	Partition int           `json:"p"`
	Kind      lake.Kind     `json:"q,omitempty"` // raw when empty
	Shard     lake.ShardID  `json:"s,omitempty"` // that of the log when empty
	After     lake.Position `json:"a"`
	To        lake.Position `json:"z"`
	Events    int64         `json:"n,omitempty"`
	Bytes     int64         `json:"b,omitempty"`
	CRC       uint32        `json:"c,omitempty"`
	Min       lake.Instant  `json:"i,omitempty"`
	Max       lake.Instant  `json:"x,omitempty"`
	Received  lake.Instant  `json:"r,omitempty"`
	Committed lake.Instant  `json:"t,omitempty"` // in checkpoints
}

// packFiles makes the stored form of files of one log.
func packFiles(shard lake.ShardID, n int, at func(int) (*lake.File, lake.Instant)) wireFiles {
	w := wireFiles{Files: make([]wireFile, 0, n)}
	index := map[lake.Partition]int{}
	var dirs []string
	for i := range n {
		f, committed := at(i)
		p, ok := index[f.Partition]
		if !ok {
			p = len(w.Partitions)
			index[f.Partition] = p
			w.Partitions, dirs = append(w.Partitions, f.Partition), append(dirs, directory(f.Partition))
		}
		o := wireFile{
			Key: f.Key, Partition: p, After: f.Span.After, To: f.Span.To, Events: f.Events, Bytes: f.Bytes, CRC: f.CRC,
			Min: f.MinTime, Max: f.MaxTime, Received: f.Received, Committed: committed,
		}
		if rest, ok := strings.CutPrefix(string(f.Key), dirs[p]); ok {
			o.Key, o.Short = lake.Key(rest), true
		}
		if f.Kind != lake.KindRaw {
			o.Kind = f.Kind
		}
		if f.Shard != shard {
			o.Shard = f.Shard
		}
		w.Files = append(w.Files, o)
	}
	return w
}

// directory is where raw files of a partition usually lie.
func directory(p lake.Partition) string { return "raw/" + p.Dir() + "/" }

// unpack calls yield for every file.
func (w *wireFiles) unpack(shard lake.ShardID, yield func(lake.File, lake.Instant)) error {
	dirs := make([]string, len(w.Partitions))
	for i, p := range w.Partitions {
		dirs[i] = directory(p)
	}
	for i := range w.Files {
		o := &w.Files[i]
		if o.Partition < 0 || o.Partition >= len(w.Partitions) {
			return fmt.Errorf("file %s has no partition: %w", o.Key, lake.ErrCorrupt)
		}
		f := lake.File{
			Key: o.Key, Kind: o.Kind, Partition: w.Partitions[o.Partition], Shard: o.Shard,
			Span: lake.Span{After: o.After, To: o.To}, Events: o.Events, Bytes: o.Bytes, CRC: o.CRC,
			MinTime: o.Min, MaxTime: o.Max, Received: o.Received,
		}
		if o.Short {
			f.Key = lake.Key(dirs[o.Partition]) + o.Key
		}
		if f.Kind == "" {
			f.Kind = lake.KindRaw
		}
		if f.Shard == "" {
			f.Shard = shard
		}
		yield(f, o.Committed)
	}
	return nil
}

func encodeRecord(shard lake.ShardID, r *record) ([]byte, error) {
	w := wireRecord{Time: r.time, Remove: r.remove, Books: r.books, Names: r.names}
	if !r.span.Empty() {
		w.Span = &r.span
	}
	if len(r.add) > 0 {
		w.Add = packFiles(shard, len(r.add), func(i int) (*lake.File, lake.Instant) { return &r.add[i], 0 })
	}
	return json.Marshal(&w)
}

func decodeRecord(shard lake.ShardID, b []byte) (*record, error) {
	var w wireRecord
	if err := json.Unmarshal(b, &w); err != nil {
		return nil, fmt.Errorf("%w: %w", lake.ErrCorrupt, err)
	}
	r := &record{time: w.Time, remove: w.Remove, books: w.Books, names: w.Names}
	if w.Span != nil {
		r.span = *w.Span
	}
	return r, w.Add.unpack(shard, func(f lake.File, _ lake.Instant) { r.add = append(r.add, f) })
}
