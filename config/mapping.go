package config

import (
	"fmt"
	"maps"
	"strings"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/transform"
)

// Mappings returns how to read the events of every source that is configured,
// and of lake.DefaultSource in any case. The configuration must have come from
// Load without an error, or from Default.
func (c Config) Mappings() map[lake.SourceID]transform.Mapping {
	sources := map[lake.SourceID]Source{lake.DefaultSource: DefaultSource()}
	maps.Copy(sources, c.Sources)
	mappings := make(map[lake.SourceID]transform.Mapping, len(sources))
	for id, s := range sources {
		m, _ := s.Event.mapping(c.Limits.Depth) // Load has reported the problems
		mappings[id] = m
	}
	return mappings
}

// Transformers makes the transformers of the configured sources. A source that
// is not configured is read like the default one.
func (c Config) Transformers() (func(lake.SourceID) *transform.Transformer, error) {
	known := map[lake.SourceID]*transform.Transformer{}
	for name, mapping := range c.Mappings() {
		t, err := transform.New(mapping)
		if err != nil {
			return nil, fmt.Errorf("source %s: %w", name, err)
		}
		known[name] = t
	}
	return func(name lake.SourceID) *transform.Transformer {
		if t := known[name]; t != nil {
			return t
		}
		return known[lake.DefaultSource]
	}, nil
}

// mapping parses the paths. Problems carry the key inside the event section; in
// place of a path that cannot be read stands another, so that what is wrong
// besides shows too.
func (e Event) mapping(depth int) (transform.Mapping, Problems) {
	m := transform.Mapping{
		DefaultType:    e.DefaultType,
		DefaultSubtype: e.DefaultSubtype,
		Earliest:       lake.InstantOf(e.Earliest),
		Future:         e.Future,
		MaxDepth:       depth,
	}
	var problems Problems
	for _, p := range []struct {
		key, text string
		required  bool
		to        *transform.Path
	}{
		{"id", e.ID, false, &m.ID},
		{"name", e.Name, false, &m.Name},
		{"type", e.Type, false, &m.Type},
		{"subtype", e.Subtype, false, &m.Subtype},
		{"time", e.Time, true, &m.Time},
	} {
		if p.text == "" && !p.required {
			continue
		}
		path, err := transform.ParsePath(p.text)
		if err != nil {
			what := strings.TrimSuffix(err.Error(), ": "+lake.ErrInvalid.Error())
			problems = append(problems, Problem{Key: p.key, What: what, Hint: lake.Hint(err)})
			path = transform.Path{p.key}
		}
		*p.to = path
	}
	return m, problems
}
