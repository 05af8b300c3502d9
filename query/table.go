package query

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"
	pretty "github.com/jedib0t/go-pretty/v6/text"

	"github.com/eventlake/lake"
)

const (
	nullText  = "NULL"
	cutMark   = "…"
	leastCell = 8 // columns that a cell is cut to at most
)

// tableWriter keeps all cells to find out how wide they are. A result whose
// columns do not fit on the terminal side by side is written downwards.
type tableWriter struct {
	w     io.Writer
	cols  []lake.ResultColumn
	opt   Options
	cells [][]string
}

func newTable(w io.Writer, cols []lake.ResultColumn, o Options) *tableWriter {
	return &tableWriter{w: w, cols: cols, opt: o}
}

func (t *tableWriter) row(values []any) error {
	cells := make([]string, len(values))
	for i, v := range values {
		if v == nil {
			cells[i] = nullText
			continue
		}
		s := text(v, t.cols[i].Type)
		if at, ok := v.(time.Time); ok && t.cols[i].Type != "DATE" {
			s = at.UTC().Format("2006-01-02 15:04:05.999999")
		}
		cells[i] = visible(s)
	}
	t.cells = append(t.cells, cells)
	return nil
}

// visible makes control characters harmless: a value must not be able to
// steer the terminal or to break the table.
func visible(s string) string {
	if strings.IndexFunc(s, control) < 0 {
		return s
	}
	var b strings.Builder
	for _, r := range s {
		switch {
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\t':
			b.WriteString(`\t`)
		case control(r):
			fmt.Fprintf(&b, `\x%02x`, r)
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

func control(r rune) bool {
	return r < 0x20 || r >= 0x7f && r < 0xa0 || r == 0x2028 || r == 0x2029 || r >= 0x202a && r <= 0x202e
}

func (t *tableWriter) end(n int64, truncated bool) error {
	if len(t.cols) > 0 {
		limit, fits := t.cellWidth()
		show := t.aligned
		if !fits {
			show = t.downwards
		}
		if _, err := io.WriteString(t.w, show(limit)+"\n"); err != nil {
			return err
		}
	}
	_, err := io.WriteString(t.w, t.footer(n, truncated)+"\n")
	return err
}

func (t *tableWriter) footer(n int64, truncated bool) string {
	s := fmt.Sprintf("%d rows", n)
	if n == 1 {
		s = "1 row"
	}
	if truncated {
		s = fmt.Sprintf("the first %d rows; there are more", n)
	}
	if t.opt.Elapsed > 0 {
		s += ", " + t.opt.Elapsed.Round(time.Millisecond).String()
	}
	return s
}

// cellWidth finds the width at which cells are cut so that a row fits; 0 cuts
// nothing. fits is false when that would leave too little to read.
func (t *tableWriter) cellWidth() (limit int, fits bool) {
	if t.opt.Width <= 0 {
		return 0, true
	}
	widths, widest := make([]int, len(t.cols)), 0
	for i, c := range t.cols {
		widths[i] = max(pretty.StringWidth(visible(c.Name)), min(pretty.StringWidth(c.Type), 12))
		for _, row := range t.cells {
			widths[i] = max(widths[i], pretty.StringWidth(row[i]))
		}
		widest = max(widest, widths[i])
	}
	space := t.opt.Width - 3*len(t.cols) - 1
	taken := func(limit int) (sum int) {
		for _, w := range widths {
			sum += min(w, limit)
		}
		return sum
	}
	if taken(widest) <= space {
		return widest, true
	}
	limit = widest
	for limit > leastCell && taken(limit) > space {
		limit--
	}
	return limit, taken(limit) <= space
}

func cut(s string, limit int) string {
	if limit <= 0 || pretty.StringWidth(s) <= limit {
		return s
	}
	return pretty.Snip(s, limit, cutMark)
}

func (t *tableWriter) aligned(limit int) string {
	w := table.NewWriter()
	w.SetStyle(table.StyleLight)
	w.Style().Format.Header = pretty.FormatDefault
	names, types := make(table.Row, len(t.cols)), make(table.Row, len(t.cols))
	configs := make([]table.ColumnConfig, len(t.cols))
	for i, c := range t.cols {
		names[i], types[i] = cut(visible(c.Name), limit), cut(shortType(c.Type), limit)
		configs[i] = table.ColumnConfig{Number: i + 1, AlignHeader: pretty.AlignLeft}
		if numeric(c.Type) {
			configs[i].Align, configs[i].AlignHeader = pretty.AlignRight, pretty.AlignRight
		}
	}
	w.AppendHeader(names)
	w.AppendHeader(types)
	w.SetColumnConfigs(configs)
	for _, cells := range t.cells {
		row := make(table.Row, len(cells))
		for i, s := range cells {
			row[i] = cut(s, limit)
		}
		w.AppendRow(row)
	}
	return w.Render()
}

// downwards writes one line a value.
func (t *tableWriter) downwards(int) string {
	var b strings.Builder
	name := 0
	for _, c := range t.cols {
		name = max(name, pretty.StringWidth(visible(c.Name)))
	}
	name = min(name, t.opt.Width/2)
	for n, cells := range t.cells {
		head := fmt.Sprintf("── row %d ", n+1)
		b.WriteString(head + strings.Repeat("─", max(0, min(t.opt.Width, 60)-pretty.StringWidth(head))) + "\n")
		for i, s := range cells {
			label := cut(visible(t.cols[i].Name), name)
			b.WriteString(label + strings.Repeat(" ", max(0, name-pretty.StringWidth(label))) + "  " + cut(s, max(leastCell, t.opt.Width-name-2)) + "\n")
		}
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// shortType leaves out what is inside a nested type.
func shortType(typ string) string {
	lower := strings.ToLower(typ)
	if i := strings.IndexByte(lower, '('); i > 0 && !strings.HasPrefix(lower, "decimal") {
		return lower[:i] + strings.Repeat("[]", strings.Count(lower[strings.LastIndexByte(lower, ')')+1:], "[]"))
	}
	return lower
}

func numeric(typ string) bool {
	for _, p := range []string{"TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT", "UHUGEINT", "FLOAT", "DOUBLE"} {
		if typ == p {
			return true
		}
	}
	return strings.HasPrefix(typ, "DECIMAL") && !strings.HasSuffix(typ, "[]")
}
