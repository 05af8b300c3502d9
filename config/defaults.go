package config

import (
	"time"
)

const day = 24 * time.Hour

// Default returns the configuration of a lake that nobody configured: one
// machine, loopback only, less than 1 GB of memory.
func Default() Config {
	return Config{
		Data:   "./lake-data",
		Listen: "127.0.0.1:8080",
		Keys:   Keys{Required: "auto"},
		Limits: Limits{
			RequestBytes:  10 * MiB,
			RequestEvents: 10_000,
			Depth:         64,
			Memory:        128 * MiB,
			DiskFree:      256 * MiB,
			ReadTimeout:   30 * time.Second,
			IdleTimeout:   2 * time.Minute,
			Drain:         15 * time.Second,
		},
		Stream: Stream{Shards: 2, Retention: day, RetainSize: 8 * GiB, SegmentSize: 64 * MiB},
		Claims: Claims{TTL: 7 * day, Memory: 256 * MiB},
		Ingest: Ingest{FlushSize: 32 * MiB, FlushAge: time.Second, MaxTypes: 256, MaxSubtypes: 64},
		Raw:    Raw{Level: 1, MergeInterval: 30 * time.Second, MergeFiles: 16, MergeSize: 64 * MiB},
		Curate: Curate{
			Interval:        time.Second,
			Memory:          192 * MiB,
			Columns:         1000,
			Depth:           4,
			CompactInterval: 30 * time.Second,
			CompactFiles:    16,
			FileSize:        128 * MiB,
			KeepSnapshots:   time.Hour,
		},
		Query: Query{Rows: 10_000, Timeout: 30 * time.Second, Memory: 1024 * MiB, Concurrent: 4},
		AWS:   AWS{Failed: "failed/", Environment: "dev", FirehosePartitions: 250, ClaimWrites: 64, Trimmed: TrimmedStop, Margin: 2 * time.Second},
		Log:   Log{Level: "info", Format: "text"},
	}
}

// DefaultSource returns the mapping of a source that names none of its own: the
// envelope event_uuid, event_name, created_at.
func DefaultSource() Source {
	return Source{Event: Event{
		ID:             "event_uuid",
		Name:           "event_name",
		Time:           "created_at",
		DefaultSubtype: "none",
		Earliest:       time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC),
		Future:         day,
	}}
}
