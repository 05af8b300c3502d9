package assemble

import (
	"github.com/eventlake/lake"
	"github.com/eventlake/lake/ingest"
	"github.com/eventlake/lake/raw"
	"github.com/eventlake/lake/replay"
	"github.com/eventlake/lake/transform"
)

// sameRules is the lake's own stream as the target of a replay. It takes no event
// of which the rules have changed since it was taken in: ingest would read
// another id in it, or its copy would look for the first one in another table or
// day, and it could count twice. What the rules would refuse today goes on: it
// ends in quarantine and in no table.
type sameRules struct {
	replay.Target
	sources  ingest.Sources
	scanners map[lake.SourceID]*transform.Scanner
	row      transform.Row
}

// Check implements replay.Checker.
func (s *sameRules) Check(body []byte, f *raw.Fields) error {
	scanner := s.scanners[f.Source]
	if scanner == nil {
		scanner = s.sources(f.Source).Scanner()
		s.scanners[f.Source] = scanner
	}
	if scanner.Scan(f.Source, body, f.Received, &s.row) != nil {
		return nil
	}
	changed := ""
	switch {
	case s.row.ID != f.ID:
		changed = "id"
	case string(s.row.Type) != string(f.Type) || string(s.row.Subtype) != string(f.Subtype):
		changed = "name"
	case s.row.Created != f.Created:
		changed = "time"
	default:
		return nil
	}
	return lake.Errorf(lake.ErrInvalid, "give sources."+string(f.Source)+" in lake.yaml the rules back by which its events were taken in, or replay --to a file",
		"event %s of source %s at %s %s has another %s by today's rules: it may count twice", f.ID, f.Source, f.Shard, f.Position, changed)
}
