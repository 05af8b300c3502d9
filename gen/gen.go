// Package gen makes realistic product events, the same ones for the same seed.
package gen

import "time"

// Options choose the events.
type Options struct {
	Seed   uint64
	Events int           // lines, duplicates included
	Start  time.Time     // zero: 2026-03-01 UTC
	Span   time.Duration // zero: 72h

	// Fractions of the lines, 0 to 1.
	Duplicates, Late, Malformed, Conflict float64

	Drift bool // the schema changes after half of the lines
}

// Truth is what is in the lines that a Generator wrote.
type Truth struct {
	Lines, Unique, Duplicates int64
	Malformed                 map[string]int64 // by lake.Reason
	ByType                    map[string]int64 // unique events
	Cents                     int64            // sum of the amounts of the unique payments
}

// Generator writes the lines.
type Generator struct{ o Options }

// New makes a generator.
func New(o Options) *Generator { return &Generator{o} }

// Next appends the next line to dst, without a newline. ok is false after the last.
func (g *Generator) Next(dst []byte) (line []byte, ok bool) { return dst, false }

// Truth is complete once Next has said that there are no more lines.
func (g *Generator) Truth() Truth { return Truth{} }

// Defaults are the usual fractions.
func Defaults() Options { return Options{} }
