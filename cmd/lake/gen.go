package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/spf13/cobra"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/gen"
)

// genFlags are the flags of lake gen.
type genFlags struct {
	gen.Options
	start, output, truth string
}

func newGen(a *app) *cobra.Command {
	f := genFlags{Options: gen.Defaults()}
	c := &cobra.Command{
		Use: "gen", Short: "Make realistic events: skew, late ones, duplicates, broken ones, drift",
		Long: `Write made-up product events (accounts, lessons, payments, ...), one a line. The same flags give the same
bytes everywhere. --truth writes what a lake must make of them: how many are unique, duplicate or refused.`,
		Example: "  lake gen --events 100000 | lake send -\n  lake gen --events 1000000 --seed 7 -o events.ndjson.gz --truth truth.json\n" +
			"  lake gen --events 1000 --duplicates 0.5 --malformed 0.1 --drift",
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if err := f.check(); err != nil {
				return &usageError{err}
			}
			return a.gen(c.Context(), f)
		},
	}
	fs := c.Flags()
	fs.IntVar(&f.Events, "events", f.Events, "lines, with everything in them")
	fs.Uint64Var(&f.Seed, "seed", f.Seed, "another seed makes other events")
	fs.StringVar(&f.start, "start", "", "day of the first event, YYYY-MM-DD (default 2026-03-01)")
	fs.DurationVar(&f.Span, "span", 72*time.Hour, "from the first event to the last")
	fs.Float64Var(&f.Duplicates, "duplicates", f.Duplicates, "share of exact copies, 0 to 0.9")
	fs.Float64Var(&f.Late, "late", f.Late, "share of events from 1 day to 3 years before their turn")
	fs.Float64Var(&f.Malformed, "malformed", f.Malformed, "share of lines that must be refused")
	fs.Float64Var(&f.Conflict, "conflict", f.Conflict, "share of other events under an id that was used")
	fs.BoolVar(&f.Drift, "drift", f.Drift, "change the schema after half of the lines")
	fs.StringVarP(&f.output, "output", "o", "-", "file to write, compressed when it ends in .gz or .zst; - is standard output")
	fs.StringVar(&f.truth, "truth", "", "file for what is in the events, as JSON")
	return c
}

// check reads the start and looks at the shares.
func (f *genFlags) check() error {
	if f.start != "" {
		day, err := time.ParseInLocation(time.DateOnly, f.start, time.UTC)
		if err != nil {
			return lake.Errorf(lake.ErrInvalid, "write it as 2026-03-01", "--start %s", f.start)
		}
		f.Start = day
	}
	if f.Events < 0 {
		return lake.Errorf(lake.ErrInvalid, "use 0 or more", "--events %d", f.Events)
	}
	if f.Span <= 0 {
		return lake.Errorf(lake.ErrInvalid, "use a duration such as 72h", "--span %s", f.Span)
	}
	sum := 0.0
	for _, share := range []struct {
		name       string
		value, max float64
	}{{"duplicates", f.Duplicates, 0.9}, {"late", f.Late, 1}, {"malformed", f.Malformed, 1}, {"conflict", f.Conflict, 1}} {
		if !(share.value >= 0 && share.value <= share.max) { // NaN too
			return lake.Errorf(lake.ErrInvalid, fmt.Sprintf("use 0 to %g", share.max), "--%s %g", share.name, share.value)
		}
		sum += share.value
	}
	if sum > 1 {
		return lake.Errorf(lake.ErrInvalid, "make them at most 1 together", "the shares are %g together", sum)
	}
	return nil
}

// gen writes the events and the truth about them.
func (a *app) gen(ctx context.Context, f genFlags) error {
	w, closeOutput, err := a.create(f.output)
	if err != nil {
		return err
	}
	g := gen.New(f.Options)
	bar := a.progress("gen", "events")
	err = writeEvents(ctx, w, g, func(n int64) {
		if f.output != "-" {
			bar.at(n, int64(f.Events))
		}
	})
	bar.done()
	if err = errors.Join(err, closeOutput()); err != nil || f.truth == "" {
		return err
	}
	text, err := json.MarshalIndent(g.Truth(), "", "  ")
	if err != nil {
		return fmt.Errorf("write the truth: %w", err)
	}
	return os.WriteFile(f.truth, append(text, '\n'), 0o644)
}

// writeEvents writes every line; each is told how many there are now and then.
func writeEvents(ctx context.Context, w io.Writer, g *gen.Generator, each func(int64)) error {
	buffered := bufio.NewWriterSize(w, 256<<10)
	var line []byte
	for n := int64(1); ; n++ {
		var ok bool
		if line, ok = g.Next(line[:0]); !ok {
			return buffered.Flush()
		}
		if _, err := buffered.Write(append(line, '\n')); err != nil {
			return err
		}
		if n%4096 == 0 {
			if ctx.Err() != nil {
				return errors.Join(ctx.Err(), buffered.Flush())
			}
			each(n)
		}
	}
}

// create opens a file for writing, compressed as its name says. The returned
// function ends the compression and the file.
func (a *app) create(name string) (io.Writer, func() error, error) {
	if name == "-" {
		return a.out, func() error { return nil }, nil
	}
	file, err := os.Create(name)
	if err != nil {
		return nil, nil, err
	}
	var z io.WriteCloser
	switch {
	case strings.HasSuffix(name, ".gz"):
		z, err = gzip.NewWriterLevel(file, gzip.BestSpeed)
	case strings.HasSuffix(name, ".zst"):
		z, err = zstd.NewWriter(file, zstd.WithEncoderLevel(zstd.SpeedFastest))
	default:
		return file, file.Close, nil
	}
	if err != nil {
		return nil, nil, errors.Join(err, file.Close())
	}
	return z, func() error { return errors.Join(z.Close(), file.Close()) }, nil
}
