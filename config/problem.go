package config

import (
	"fmt"
	"slices"
	"strings"

	"github.com/eventlake/lake"
)

// Problem is one thing wrong with a configuration.
type Problem struct {
	Origin Origin
	Key    string // e.g. "stream.shards"; empty when the file as a whole is wrong
	What   string
	Hint   string // may be empty
}

// String is "origin: key: what (hint)".
func (p Problem) String() string {
	var b strings.Builder
	b.WriteString(p.Origin.String())
	if p.Key != "" {
		b.WriteString(": " + p.Key)
	}
	b.WriteString(": " + p.What)
	if p.Hint != "" {
		b.WriteString(" (" + p.Hint + ")")
	}
	return b.String()
}

// Problems is every problem of a configuration, in the order of the file, then
// environment, then flags. It is an error that is lake.ErrInvalid.
type Problems []Problem

// Error is one problem a line.
func (ps Problems) Error() string {
	lines := make([]string, len(ps))
	for i, p := range ps {
		lines[i] = p.String()
	}
	return strings.Join(lines, "\n")
}

// Unwrap makes errors.Is(err, lake.ErrInvalid) true.
func (ps Problems) Unwrap() error { return lake.ErrInvalid }

// sorted orders by origin, keeping what is equal.
func (ps Problems) sorted() Problems {
	slices.SortStableFunc(ps, func(a, b Problem) int { return a.Origin.compare(b.Origin) })
	return ps
}

// Origin is where a value came from. The zero Origin is the defaults.
type Origin struct {
	Layer Layer
	Name  string // the file, the environment variable or the flag
	Line  int    // in a file, from 1; 0 when unknown
}

// Layer is one of the places that values come from; a later one wins.
type Layer int

// The layers.
const (
	FromDefault Layer = iota
	FromFile
	FromEnv
	FromFlag
)

// String names the place: "lake.yaml:12", "environment LAKE_LISTEN", "--listen".
func (o Origin) String() string {
	switch o.Layer {
	case FromFile:
		if o.Line > 0 {
			return fmt.Sprintf("%s:%d", o.Name, o.Line)
		}
		return o.Name
	case FromEnv:
		return "environment " + o.Name
	case FromFlag:
		return "--" + o.Name
	}
	return "default"
}

func (o Origin) compare(p Origin) int {
	if o.Layer != p.Layer {
		return int(o.Layer) - int(p.Layer)
	}
	return o.Line - p.Line
}
