package iceberg

import (
	"encoding/json"
	"fmt"
	"maps"
	"strconv"
	"strings"

	ice "github.com/apache/iceberg-go"
	"github.com/apache/iceberg-go/table"

	"github.com/eventlake/lake"
)

const (
	consumedProperty = "lake.consumed"
	commitPrefix     = "lake.commit."
)

// operation is the word that Iceberg's readers know for the commit. A commit
// that replaces files says "replace" in its own summary when the rows are the
// same as before (compaction); otherwise it counts as an overwrite.
func operation(c lake.TableCommit) table.Operation {
	switch {
	case len(c.Remove) == 0:
		return table.OpAppend
	case len(c.Add) == 0:
		return table.OpDelete
	case c.Summary["operation"] == string(table.OpReplace):
		return table.OpReplace
	}
	return table.OpOverwrite
}

// summarize makes the snapshot's summary: Iceberg's own counters, the consumed
// positions, and what the commit says about itself.
func summarize(c lake.TableCommit, files []lake.DataFile, consumed map[lake.ShardID]lake.Position) (*table.Summary, error) {
	p := ice.Properties{}
	days := map[lake.Day]struct{}{}
	count := func(prefix, suffix, size string, files []lake.DataFile) {
		var rows, bytes int64
		for _, f := range files {
			rows += f.Rows
			bytes += f.Bytes
			days[f.Day] = struct{}{}
		}
		p[prefix+"-data-files"] = strconv.Itoa(len(files))
		p[prefix+"-records"] = strconv.FormatInt(rows, 10)
		p[size+"-"+suffix] = strconv.FormatInt(bytes, 10)
	}
	count("total", "files-size", "total", files)
	clear(days)
	if len(c.Add) > 0 {
		count("added", "files-size", "added", c.Add)
	}
	if len(c.Remove) > 0 {
		count("deleted", "files-size", "removed", c.Remove)
	}
	p["changed-partition-count"] = strconv.Itoa(len(days))
	for _, k := range []string{"total-delete-files", "total-position-deletes", "total-equality-deletes"} {
		p[k] = "0"
	}
	for k, v := range c.Summary {
		p[commitPrefix+k] = v
	}
	text, err := json.Marshal(consumed)
	if err != nil {
		return nil, fmt.Errorf("consumed positions: %w", err)
	}
	p[consumedProperty] = string(text)
	return &table.Summary{Operation: operation(c), Properties: p}, nil
}

// merge returns the positions of both, the later of each shard.
func merge(a, b map[lake.ShardID]lake.Position) map[lake.ShardID]lake.Position {
	out := make(map[lake.ShardID]lake.Position, max(len(a), len(b)))
	maps.Copy(out, a)
	for s, p := range b {
		if q, ok := out[s]; !ok || p.After(q) {
			out[s] = p
		}
	}
	return out
}

// consumedOf finds the consumed positions of a state. The nearest ancestor of
// the current snapshot that has them counts, so that a roll-back by another
// engine takes the positions back too; the table property is the last resort,
// when only snapshots of other engines are left.
func consumedOf(m table.Metadata) (map[lake.ShardID]lake.Position, error) {
	text, found := "", false
	for s, steps := m.CurrentSnapshot(), 0; s != nil && steps <= len(m.Snapshots()); steps++ {
		if s.Summary != nil {
			if text, found = s.Summary.Properties[consumedProperty]; found {
				break
			}
		}
		if s.ParentSnapshotID == nil {
			break
		}
		s = m.SnapshotByID(*s.ParentSnapshotID)
	}
	if !found {
		text = m.Properties()[consumedProperty]
	}
	out := map[lake.ShardID]lake.Position{}
	if text == "" {
		return out, nil
	}
	if err := json.Unmarshal([]byte(text), &out); err != nil {
		return nil, fmt.Errorf("%s of the table: %w: %w", consumedProperty, lake.ErrCorrupt, err)
	}
	return out, nil
}

// ownSummary takes out what TableCommit.Summary said.
func ownSummary(s *table.Snapshot) map[string]string {
	out := map[string]string{}
	if s == nil || s.Summary == nil {
		return out
	}
	for k, v := range s.Summary.Properties {
		if own, ok := strings.CutPrefix(k, commitPrefix); ok {
			out[own] = v
		}
	}
	return out
}
