package duckdb

import (
	"log/slog"
	"runtime"
	"time"

	"github.com/eventlake/lake"
)

// Config is what an Engine needs. Zero values mean the defaults in brackets.
type Config struct {
	Catalog     lake.Catalog
	Root        string        // the data directory: the object with key k is the file Root/k
	MemoryLimit int64         // bytes that one statement may use in DuckDB, its result included; those at a time share them, but for what asks about tables only [512 MiB]
	SpillLimit  int64         // bytes that queries may spill to Root/tmp [4 GiB]
	Threads     int           // that run one query [GOMAXPROCS]
	Timeout     time.Duration // of one statement, from Query to its result [none]
	Logger      *slog.Logger  // [discards]
}

func (c Config) withDefaults() Config {
	if c.MemoryLimit <= 0 {
		c.MemoryLimit = 512 << 20
	}
	if c.SpillLimit <= 0 {
		c.SpillLimit = 4 << 30
	}
	if c.Threads <= 0 {
		c.Threads = runtime.GOMAXPROCS(0)
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return c
}
