// Package curation sets up the curate stage alike at home and in a cloud.
package curation

import (
	"github.com/eventlake/lake/config"
	"github.com/eventlake/lake/curate"
)

// Limits are the stage's.
func Limits(c config.Curate) curate.Limits {
	depth := c.Depth
	if depth == 0 {
		depth = -1 // 0 is curate's default; a configured 0 is no nesting
	}
	return curate.Limits{
		Memory: int64(c.Memory), Columns: c.Columns, Depth: depth,
		FileBytes: int64(c.FileSize), SmallFiles: c.CompactFiles,
	}
}
