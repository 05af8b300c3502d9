package replay

import (
	"github.com/eventlake/lake"
	"github.com/eventlake/lake/raw"
	"github.com/eventlake/lake/transform"
)

// SameRules makes a target, the lake's own stream, refuse events of which the
// rules have changed since they were taken in: ingest would read another id in
// them, or a copy would look for the first one in another table or day, and it
// could count twice. What the rules would refuse today goes on: it ends in
// quarantine and in no table. rules are those that ingest has for a source;
// otherwise is what the hint offers to who cannot give the old rules back.
func SameRules(to Target, rules func(lake.SourceID) *transform.Transformer, otherwise string) Checker {
	return &sameRules{Target: to, rules: rules, otherwise: otherwise, scanners: map[lake.SourceID]*transform.Scanner{}}
}

type sameRules struct {
	Target
	rules     func(lake.SourceID) *transform.Transformer
	otherwise string
	scanners  map[lake.SourceID]*transform.Scanner
	row       transform.Row
}

// Check implements Checker.
func (s *sameRules) Check(body []byte, f *raw.Fields) error {
	scanner := s.scanners[f.Source]
	if scanner == nil {
		scanner = s.rules(f.Source).Scanner()
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
	return lake.Errorf(lake.ErrInvalid, "give sources."+string(f.Source)+" in lake.yaml the rules back by which its events were taken in, or "+s.otherwise,
		"event %s of source %s at %s %s has another %s by today's rules: it may count twice", f.ID, f.Source, f.Shard, f.Position, changed)
}
