package duckdb

import (
	"context"
	"encoding/json"
	"strings"

	"github.com/eventlake/lake"
)

// usedOptimizers are all that is wanted of the planning database: constants
// are folded and conditions find their way down to the tables. The others must
// stay off; those that believe statistics would drop tables, which have no
// rows there.
var usedOptimizers = []string{
	"expression_rewriter", "filter_pullup", "filter_pushdown", "cte_filter_pusher", "in_clause", "regex_range",
	"cte_inlining", "deliminator",
}

// scan is one place in a plan that reads a table.
type scan struct {
	Name  string   `json:"name"`
	Names []string `json:"names"`
	Data  struct {
		Table string `json:"table"`
	} `json:"function_data"`
	Columns []struct {
		Index uint64 `json:"index"` // into Names
	} `json:"column_indexes"`
	Projected []int `json:"projection_ids"` // indexes into Columns; all when empty
	Filters   struct {
		Filters []struct {
			Key   int    `json:"key"` // index into Names
			Value filter `json:"value"`
		} `json:"filters"`
	} `json:"table_filters"`

	above []condition // on the scan's output
}

// output returns the name of the i-th column that the scan puts out.
func (s *scan) output(i int) string {
	if len(s.Projected) > 0 {
		if i < 0 || i >= len(s.Projected) {
			return ""
		}
		i = s.Projected[i]
	}
	if i < 0 || i >= len(s.Columns) || s.Columns[i].Index >= uint64(len(s.Names)) {
		return ""
	}
	return s.Names[s.Columns[i].Index]
}

// scans optimizes the query and returns where it reads tables. planned is
// false when DuckDB cannot tell, and then nothing is known about the query.
func scans(ctx context.Context, c *conn, query string) (found []scan, planned bool, err error) {
	var out string
	const ask = "SELECT CAST(json_serialize_plan(CAST(? AS VARCHAR), optimize := true) AS VARCHAR)"
	if err := c.QueryRowContext(ctx, ask, query).Scan(&out); err != nil {
		return nil, false, err
	}
	var tree struct {
		Error bool            `json:"error"`
		Plans json.RawMessage `json:"plans"`
	}
	// DuckDB writes NaN and Infinity into its JSON, and leaves some operators
	// out of it with an error: both are rare, and cost only the choice of files.
	if json.Unmarshal([]byte(out), &tree) != nil || tree.Error || gather(tree.Plans, nil, &found) != nil {
		return nil, false, nil
	}
	return found, true, nil
}

// keep returns the files of a table that one of the scans may need. A scan
// without filters needs all.
func keep(t *lake.Table, found []scan) []lake.DataFile {
	var out []lake.DataFile
	for i := range t.Files {
		for j := range found {
			if strings.EqualFold(found[j].Data.Table, string(t.Name)) && found[j].needs(&t.Schema, &t.Files[i]) {
				out = append(out, t.Files[i])
				break
			}
		}
	}
	return out
}

func (s *scan) needs(schema *lake.Schema, f *lake.DataFile) bool {
	for i := range s.Filters.Filters {
		cond := &s.Filters.Filters[i]
		if cond.Key < 0 || cond.Key >= len(s.Names) {
			continue // a row id or the like
		}
		if !cond.Value.may(boundsOf(schema, f, s.Names[cond.Key])) {
			return false
		}
	}
	for _, c := range s.above {
		column := func(i int) bounds { return boundsOf(schema, f, s.output(c.at(i))) }
		if !c.expr.may(column) {
			return false
		}
	}
	return true
}
