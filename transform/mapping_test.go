package transform_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/transform"
)

func TestPaths(t *testing.T) {
	for text, want := range map[string][]string{
		"id":               {"id"},
		"payload.action":   {"payload", "action"},
		`a\.b.c`:           {"a.b", "c"},
		`a\\.b`:            {`a\`, "b"},
		`\x`:               {"x"},
		"Ünï.日本":           {"Ünï", "日本"},
		"a.b.c.d.e.f.g.h":  {"a", "b", "c", "d", "e", "f", "g", "h"},
		"with blank.and-=": {"with blank", "and-="},
	} {
		p, err := transform.ParsePath(text)
		if err != nil || !slices.Equal(p, want) {
			t.Errorf("%s: got %q, %v", text, p, err)
			continue
		}
		again, err := transform.ParsePath(p.String())
		if err != nil || !slices.Equal(again, p) {
			t.Errorf("%s: %s is read as %q, %v", text, p, again, err)
		}
	}
	for _, text := range []string{"", ".", "a.", ".a", "a..b", `a\`, "a.b.c.d.e.f.g.h.i", strings.Repeat("x", 257), "\xff"} {
		if p, err := transform.ParsePath(text); !errors.Is(err, lake.ErrInvalid) || lake.Hint(err) == "" {
			t.Errorf("%q: got %q, %v, hint %q", text, p, err, lake.Hint(err))
		}
	}
}

func TestNewReportsAllProblemsAtOnce(t *testing.T) {
	_, err := transform.New(transform.Mapping{
		ID: transform.Path{""}, Name: transform.Path{"n"}, Type: transform.Path{"t"},
		DefaultType: strings.Repeat("x", 257), Future: -1, MaxDepth: 1001,
	})
	if !errors.Is(err, lake.ErrInvalid) || lake.Hint(err) == "" {
		t.Fatalf("got %v, hint %q", err, lake.Hint(err))
	}
	for _, part := range []string{"key 1 is empty", "both a name and a type", "no time", "default type", "default subtype", "future limit", "maximum depth 1001"} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("%q is not in: %v", part, err)
		}
	}
	for name, change := range map[string]func(*transform.Mapping){
		"no name":               func(m *transform.Mapping) { m.Name = nil },
		"subtype without type":  func(m *transform.Mapping) { m.Name, m.Subtype = nil, transform.Path{"s"} },
		"depth 0":               func(m *transform.Mapping) { m.MaxDepth = 0 },
		"default subtype empty": func(m *transform.Mapping) { m.DefaultSubtype = "" },
	} {
		m := transform.DefaultMapping()
		change(&m)
		if _, err := transform.New(m); !errors.Is(err, lake.ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, change := range map[string]func(*transform.Mapping){
		"default":           func(*transform.Mapping) {},
		"no id":             func(m *transform.Mapping) { m.ID = nil },
		"only default type": func(m *transform.Mapping) { m.Name, m.DefaultType = nil, "hit" },
		"shared paths":      func(m *transform.Mapping) { m.ID, m.Time = transform.Path{"a", "b"}, transform.Path{"a"} },
	} {
		m := transform.DefaultMapping()
		change(&m)
		if _, err := transform.New(m); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}
