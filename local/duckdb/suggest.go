package duckdb

import (
	"slices"
	"strings"

	"github.com/eventlake/lake"
)

// suggest answers a message about a table that does not exist with the tables
// that do; "" for any other message.
func (e *Engine) suggest(msg string) string {
	_, rest, ok := strings.Cut(msg, "Table with name ")
	if !ok {
		return ""
	}
	wanted, _, ok := strings.Cut(rest, " does not exist")
	if !ok {
		return ""
	}
	names := e.planner.names()
	if len(names) == 0 {
		return "the lake has no tables yet: they appear a few seconds after the first events"
	}
	near := nearest(strings.ToLower(wanted), names)
	return "nearest: " + strings.Join(near, ", ") + "; all of them: SHOW TABLES"
}

// withoutProposal is the message without the name that DuckDB proposes: it also
// knows tables of its own, none of which was meant.
func withoutProposal(msg string) string {
	lines := strings.Split(msg, "\n")
	return strings.Join(slices.DeleteFunc(lines, func(l string) bool { return strings.HasPrefix(l, "Did you mean ") }), "\n")
}

// nearest returns up to three names, the most similar first.
func nearest(wanted string, names []string) []string {
	names = slices.Clone(append(names, string(lake.EventsView)))
	score := func(s string) int {
		d := 2 * distance(wanted, s)
		if strings.Contains(s, wanted) || strings.Contains(wanted, s) {
			d -= len(wanted)
		}
		return d
	}
	slices.SortStableFunc(names, func(a, b string) int { return score(a) - score(b) })
	return names[:min(3, len(names))]
}

// distance is the number of bytes to insert, remove or replace to get from a
// to b.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diag := row[0]
		row[0] = i + 1
		for j := range len(b) {
			next := diag
			if a[i] != b[j] {
				next = 1 + min(diag, row[j], row[j+1])
			}
			diag, row[j+1] = row[j+1], next
		}
	}
	return row[len(b)]
}
