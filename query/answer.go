package query

import (
	"bufio"
	"net/http"
	"strconv"
	"time"

	"github.com/eventlake/lake"
)

// answer writes the result as it is read. The memory it takes does not grow
// with the result, but for tables.
func (h *handler) answer(w http.ResponseWriter, req request, rows lake.Rows, start time.Time) (n int64, truncated bool, err error) {
	head := w.Header()
	head.Set("Cache-Control", "no-store")
	head.Set("X-Content-Type-Options", "nosniff")
	out := bufio.NewWriterSize(w, 32<<10)
	switch req.format {
	case JSON:
		head.Set("Content-Type", "application/json")
		n, truncated, err = document(out, rows, req.limit, start)
	case CSV:
		head.Set("Content-Type", "text/csv; charset=utf-8; header=present")
	case NDJSON:
		head.Set("Content-Type", "application/x-ndjson")
	default:
		head.Set("Content-Type", "text/plain; charset=utf-8")
	}
	if req.format != JSON {
		head.Set("Trailer", trailerRows+", "+trailerTruncated)
		n, truncated, err = Write(out, rows, req.format, Options{Limit: req.limit})
	}
	if err != nil {
		return n, truncated, err
	}
	if err := out.Flush(); err != nil {
		return n, truncated, err
	}
	if req.format != JSON {
		head.Set(trailerRows, strconv.FormatInt(n, 10))
		head.Set(trailerTruncated, strconv.FormatBool(truncated))
	}
	return n, truncated, nil
}

// document writes {"columns": [{"name", "type"}], "rows": [[...]],
// "row_count", "truncated", "elapsed_ms"}.
func document(out *bufio.Writer, rows lake.Rows, limit int64, start time.Time) (n int64, truncated bool, err error) {
	d := &documentWriter{out: out, cols: rows.Columns(), start: start}
	d.buf = append(d.buf, `{"columns":[`...)
	for i, c := range d.cols {
		if i > 0 {
			d.buf = append(d.buf, ',')
		}
		d.buf = append(appendString(append(d.buf, `{"name":`...), c.Name), `,"type":`...)
		d.buf = append(appendString(d.buf, c.Type), '}')
	}
	d.buf = append(d.buf, `],"rows":[`...)
	if n, truncated, err = pour(d, rows, limit); err != nil {
		return n, truncated, err
	}
	return n, truncated, d.end(n, truncated)
}

type documentWriter struct {
	out   *bufio.Writer
	cols  []lake.ResultColumn
	start time.Time
	buf   []byte // what goes out next
	some  bool
}

func (d *documentWriter) row(values []any) error {
	if d.some {
		d.buf = append(d.buf, ',')
	}
	d.some = true
	d.buf = append(d.buf, "\n["...)
	for i, v := range values {
		if i > 0 {
			d.buf = append(d.buf, ',')
		}
		d.buf = appendJSON(d.buf, v, d.cols[i].Type)
	}
	d.buf = append(d.buf, ']')
	_, err := d.out.Write(d.buf)
	d.buf = d.buf[:0]
	return err
}

func (d *documentWriter) end(n int64, truncated bool) error {
	d.buf = append(d.buf, `],"row_count":`...)
	d.buf = strconv.AppendInt(d.buf, n, 10)
	d.buf = strconv.AppendBool(append(d.buf, `,"truncated":`...), truncated)
	d.buf = strconv.AppendFloat(append(d.buf, `,"elapsed_ms":`...), float64(time.Since(d.start).Microseconds())/1000, 'f', -1, 64)
	d.buf = append(d.buf, "}\n"...)
	_, err := d.out.Write(d.buf)
	return err
}
