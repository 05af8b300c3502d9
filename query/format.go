package query

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/eventlake/lake"
)

// Format is a way to write a result.
type Format string

// The formats that Write knows. Parquet is written by an Exporter.
const (
	Table  Format = "table"  // aligned columns for people
	CSV    Format = "csv"    // RFC 4180 with a header; NULL is empty, an empty text is ""
	JSON   Format = "json"   // one array of objects
	NDJSON Format = "ndjson" // one object a line
)

// Formats lists them.
func Formats() []Format { return []Format{Table, CSV, JSON, NDJSON} }

// ParseFormat finds a format by name. ErrInvalid.
func ParseFormat(s string) (Format, error) {
	f := Format(strings.ToLower(s))
	if !slices.Contains(Formats(), f) {
		return "", lake.Errorf(lake.ErrInvalid, "one of table, csv, json, ndjson", "format %q", s)
	}
	return f, nil
}

// Options are how to write a result; the zero value is fine.
type Options struct {
	Limit   int64         // rows to write; 0: all
	Width   int           // columns of the terminal; a table's long values are cut to fit; 0: nothing is cut
	Elapsed time.Duration // for the line under a table; 0: not shown
	Bounds  Bounds        // in bytes; 0: none
}

// Write writes the rows and returns how many it wrote; truncated says that
// there were more than the limit or the bounds let through. It does not close
// rows. Errors: lake.ErrLimit for a value beyond its bound.
func Write(w io.Writer, rows lake.Rows, f Format, o Options) (n int64, truncated bool, err error) {
	var out writer
	switch f {
	case Table:
		out = newTable(w, rows.Columns(), o)
	case CSV:
		out = newCSV(w, rows.Columns())
	case JSON:
		out = newJSON(w, rows.Columns(), "[", ",\n ", "]\n")
	case NDJSON:
		out = newJSON(w, rows.Columns(), "", "\n", "\n")
	default:
		return 0, false, lake.Errorf(lake.ErrInvalid, "one of table, csv, json, ndjson", "format %q", string(f))
	}
	n, truncated, err = pour(out, rows, o)
	if err != nil {
		return n, truncated, err
	}
	if err := out.end(n, truncated); err != nil {
		return n, truncated, fmt.Errorf("write the result: %w", err)
	}
	return n, truncated, nil
}

// writer takes a result row by row.
type writer interface {
	row(values []any) error
	end(n int64, truncated bool) error
}

func pour(out writer, rows lake.Rows, o Options) (n int64, truncated bool, err error) {
	var bytes int64
	for {
		values, err := rows.Next()
		if err != nil {
			return n, false, fmt.Errorf("read the result: %w", err)
		}
		if values == nil {
			return n, false, nil
		}
		if o.Limit > 0 && n == o.Limit {
			return n, true, nil
		}
		size, err := o.Bounds.measure(values, rows.Columns())
		if err != nil {
			return n, false, err
		}
		if bytes += size; o.Bounds.Answer > 0 && bytes > o.Bounds.Answer {
			if n == 0 {
				return 0, false, lake.Errorf(lake.ErrLimit, boundsHint, "one row is larger than the %d bytes of an answer", o.Bounds.Answer)
			}
			return n, true, nil
		}
		if err := out.row(values); err != nil {
			return n, false, fmt.Errorf("write the result: %w", err)
		}
		n++
	}
}
