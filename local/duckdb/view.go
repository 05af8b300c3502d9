package duckdb

import (
	"path/filepath"
	"strconv"
	"strings"

	"github.com/eventlake/lake"
)

// tableColumn tells in the events view which table a row comes from.
const tableColumn = "_table"

// dayColumns are the names for the column with the day of a row, the UTC date
// of created_datetime: the first that the table's own columns leave free.
var dayColumns = []string{"day", "lake_day", "lake_day_"}

const timeColumn = "created_datetime"

// dayColumn returns the name of the day column in a table, "" when it can have
// none.
func dayColumn(s *lake.Schema) string {
	if s.Column(timeColumn) == nil {
		return ""
	}
	for _, n := range dayColumns {
		if s.Column(n) == nil {
			return n
		}
	}
	return ""
}

// sqlType is the DuckDB type of a column.
func sqlType(c *lake.Column) string {
	switch c.Type {
	case lake.TypeBool:
		return "BOOLEAN"
	case lake.TypeInt:
		return "INTEGER"
	case lake.TypeLong:
		return "BIGINT"
	case lake.TypeDouble:
		return "DOUBLE"
	case lake.TypeTimestamp:
		return "TIMESTAMP WITH TIME ZONE"
	case lake.TypeUUID:
		return "UUID"
	case lake.TypeList:
		if len(c.Fields) == 1 {
			return sqlType(&c.Fields[0]) + "[]"
		}
	case lake.TypeStruct:
		if len(c.Fields) > 0 {
			fields := make([]string, len(c.Fields))
			for i := range c.Fields {
				fields[i] = name(c.Fields[i].Name) + " " + sqlType(&c.Fields[i])
			}
			return "STRUCT(" + strings.Join(fields, ", ") + ")"
		}
	}
	return "VARCHAR"
}

// stub is the statement that makes the table without its rows.
func stub(t *lake.Table) string {
	cols := make([]string, 0, len(t.Schema.Columns)+1)
	for i := range t.Schema.Columns {
		c := &t.Schema.Columns[i]
		cols = append(cols, name(c.Name)+" "+sqlType(c))
	}
	if day := dayColumn(&t.Schema); day != "" {
		cols = append(cols, name(day)+" DATE")
	}
	return "CREATE OR REPLACE TABLE " + name(string(t.Name)) + " (" + strings.Join(cols, ", ") + ")"
}

// view is the statement that makes the table a view over the files.
func view(root string, t *lake.Table, files []lake.DataFile) string {
	return "CREATE OR REPLACE TEMP VIEW " + name(string(t.Name)) + " AS SELECT " +
		strings.Join(selected(t, len(files) > 0), ", ") + source(root, &t.Schema, files)
}

func selected(t *lake.Table, rows bool) []string {
	cols := make([]string, 0, len(t.Schema.Columns)+1)
	for i := range t.Schema.Columns {
		c := &t.Schema.Columns[i]
		if rows {
			cols = append(cols, name(c.Name))
		} else {
			cols = append(cols, null(sqlType(c), c.Name))
		}
	}
	if day := dayColumn(&t.Schema); day != "" {
		if rows { // as below UTC's calendar, but several times as fast
			cols = append(cols, "CAST(make_timestamp(epoch_us("+timeColumn+")) AS DATE) AS "+name(day))
		} else {
			cols = append(cols, null("DATE", day))
		}
	}
	return cols
}

func null(typ, as string) string { return "CAST(NULL AS " + typ + ") AS " + name(as) }

func source(root string, s *lake.Schema, files []lake.DataFile) string {
	if len(files) == 0 {
		return " WHERE false"
	}
	var b strings.Builder
	b.WriteString(" FROM read_parquet([")
	for i := range files {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(text(literalPath(root, files[i].Key)))
	}
	b.WriteString("], schema = MAP {")
	for i := range s.Columns {
		c := &s.Columns[i]
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(strconv.Itoa(int(c.ID)) + ": {name: " + text(c.Name) + ", type: " + text(sqlType(c)) + ", default_value: NULL}")
	}
	b.WriteString("})")
	return b.String()
}

// literalPath is the object's path with nothing in it that DuckDB would take
// for a pattern.
func literalPath(root string, key lake.Key) string {
	return strings.NewReplacer("*", "[*]", "?", "[?]", "[", "[[]").Replace(filepath.Join(root, filepath.FromSlash(string(key))))
}

// eventsView is the statement that makes the view over all tables: the system
// columns, the day and the table's name.
func eventsView(create string, tables []*lake.Table) string {
	var b strings.Builder
	b.WriteString(create + " " + name(string(lake.EventsView)) + " AS ")
	system := lake.SystemColumns()
	for i, t := range tables {
		if i > 0 {
			b.WriteString(" UNION ALL ")
		}
		b.WriteString("SELECT ")
		for j := range system {
			if c := t.Schema.Column(system[j].Name); c != nil && c.Type == system[j].Type {
				b.WriteString(name(c.Name) + ", ")
			} else {
				b.WriteString(null(sqlType(&system[j]), system[j].Name) + ", ")
			}
		}
		if day := dayColumn(&t.Schema); day != "" {
			b.WriteString(name(day) + " AS " + dayColumns[0] + ", ")
		} else {
			b.WriteString(null("DATE", dayColumns[0]) + ", ")
		}
		b.WriteString(text(string(t.Name)) + " AS " + tableColumn + " FROM " + name(string(t.Name)))
	}
	if len(tables) > 0 {
		return b.String()
	}
	b.WriteString("SELECT ")
	for j := range system {
		b.WriteString(null(sqlType(&system[j]), system[j].Name) + ", ")
	}
	b.WriteString(null("DATE", dayColumns[0]) + ", " + null("VARCHAR", tableColumn) + " WHERE false")
	return b.String()
}
