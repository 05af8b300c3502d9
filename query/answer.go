package query

import (
	"bufio"
	"strconv"
	"time"

	"github.com/eventlake/lake"
)

// document writes {"columns": [{"name", "type"}], "rows": [[...]],
// "row_count", "truncated", "elapsed_ms"}.
func document(out *bufio.Writer, rows lake.Rows, o Options, start time.Time) (a Answered, err error) {
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
	if a.Rows, a.Truncated, err = pour(d, rows, o); err != nil {
		return a, err
	}
	return a, d.end(a.Rows, a.Truncated)
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
