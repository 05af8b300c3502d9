package query

import (
	"bufio"
	"io"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/eventlake/lake"
)

// jsonWriter writes objects between a beginning and an end.
type jsonWriter struct {
	w          io.Writer
	keys       [][]byte // quoted, with the colon
	types      []string
	before     string // goes out before the next object
	between    string
	close      string
	none       string // all there is when there is no row
	buf        []byte
	wroteFirst bool
}

func newJSON(w io.Writer, cols []lake.ResultColumn, before, between, after string) *jsonWriter {
	j := &jsonWriter{w: w, before: before, between: between, close: after, none: before + after}
	if before == "" {
		j.none = ""
	}
	for i, name := range unique(cols) {
		j.keys = append(j.keys, append(appendString(nil, name), ':'))
		j.types = append(j.types, cols[i].Type)
	}
	return j
}

// unique gives columns of equal name a number, so that no value of an object
// is lost.
func unique(cols []lake.ResultColumn) []string {
	seen := map[string]bool{}
	names := make([]string, len(cols))
	for i, c := range cols {
		name := c.Name
		for n := 1; seen[name]; n++ {
			name = c.Name + "_" + text(int64(n), "")
		}
		seen[name] = true
		names[i] = name
	}
	return names
}

func (j *jsonWriter) row(values []any) error {
	j.buf = append(j.buf[:0], j.before...)
	j.before = j.between
	j.wroteFirst = true
	j.buf = append(j.buf, '{')
	for i, v := range values {
		if i > 0 {
			j.buf = append(j.buf, ',')
		}
		j.buf = append(j.buf, j.keys[i]...)
		j.buf = appendJSON(j.buf, v, j.types[i])
	}
	j.buf = append(j.buf, '}')
	_, err := j.w.Write(j.buf)
	return err
}

func (j *jsonWriter) end(int64, bool) error {
	tail := j.close
	if !j.wroteFirst {
		tail = j.none
	}
	_, err := io.WriteString(j.w, tail)
	return err
}

// csvWriter writes RFC 4180. NULL is nothing at all, an empty text is "": so
// they differ.
type csvWriter struct {
	w     *bufio.Writer
	types []string
	buf   []byte
	err   error // of the header
}

func newCSV(w io.Writer, cols []lake.ResultColumn) *csvWriter {
	c := &csvWriter{w: bufio.NewWriter(w)}
	for i, col := range cols {
		c.cell(i, col.Name)
		c.types = append(c.types, col.Type)
	}
	c.err = c.line()
	return c
}

func (c *csvWriter) row(values []any) error {
	for i, v := range values {
		if v == nil {
			c.comma(i)
			continue
		}
		c.cell(i, text(v, c.types[i]))
	}
	if err := c.line(); err != nil {
		return err
	}
	return c.err
}

func (c *csvWriter) comma(i int) {
	if i > 0 {
		c.buf = append(c.buf, ',')
	}
}

// cell adds a text, in quotes where a reader would take it bare for something
// else.
func (c *csvWriter) cell(i int, s string) {
	c.comma(i)
	first, _ := utf8.DecodeRuneInString(s)
	if s != "" && s != `\.` && !unicode.IsSpace(first) && !strings.ContainsAny(s, ",\"\r\n") {
		c.buf = append(c.buf, s...)
		return
	}
	c.buf = append(c.buf, '"')
	for {
		quote := strings.IndexByte(s, '"')
		if quote < 0 {
			break
		}
		c.buf = append(append(c.buf, s[:quote+1]...), '"')
		s = s[quote+1:]
	}
	c.buf = append(append(c.buf, s...), '"')
}

func (c *csvWriter) line() error {
	c.buf = append(c.buf, '\n')
	_, err := c.w.Write(c.buf)
	c.buf = c.buf[:0]
	return err
}

func (c *csvWriter) end(int64, bool) error {
	if err := c.w.Flush(); err != nil {
		return err
	}
	return c.err
}
