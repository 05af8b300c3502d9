package dynamodb

import (
	"fmt"

	"github.com/eventlake/lake"
)

// wireFiles is how files were stored before there were parts.
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
