package duckdb

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/eventlake/lake"
)

const onlyReading = "SQL here reads the lake's tables: one SELECT, WITH, FROM, VALUES, DESCRIBE, SHOW, SUMMARIZE or EXPLAIN"

// safeTableFunctions may stand in FROM. It is a list of what is allowed because
// DuckDB has table functions that read files, switch logging or profiling on,
// run SQL given as text or dereference an address, and gains more with time.
var safeTableFunctions = []string{
	"duckdb_columns", "duckdb_functions", "duckdb_keywords", "duckdb_tables", "duckdb_types", "duckdb_views",
	"generate_series", "histogram", "histogram_values", "icu_calendar_names", "json_each", "json_tree",
	"pg_timezone_names", "pragma_table_info", "pragma_version", "range", "repeat", "repeat_row", "summary",
	"unlist", "unnest",
}

// unsafeFunctions may not be called: they tell about the machine, write to
// logs, hold a thread without working, or run SQL given as text.
var unsafeFunctions = []string{
	"current_setting", "getenv", "write_log", "sleep_ms", "currval", "nextval", "json_execute_serialized_sql",
	"json_serialize_plan", "query", "query_table", "getvariable",
	"pg_sleep", "pg_get_viewdef",
}

// unsafeViews are tables of DuckDB's own that tell about the machine.
var unsafeViews = []string{"pg_settings", "duckdb_logs"}

// ownPrefixes begin the names of DuckDB's own tables and table functions.
var ownPrefixes = []string{"duckdb_", "pragma_", "pg_", "sqlite_"}

func own(name string) bool {
	return slices.ContainsFunc(ownPrefixes, func(p string) bool { return strings.HasPrefix(name, p) })
}

// mentions is what a checked statement talks about, in lower case.
type mentions struct {
	tables []string // names in FROM, those of its own CTEs included
	ctes   []string
	others bool // the catalog as a whole: SHOW TABLES, information_schema
}

// check parses a query with DuckDB and refuses everything that is not one
// SELECT, or that reaches outside the database. ErrInvalid.
func check(ctx context.Context, c *conn, query string) (mentions, error) {
	var m mentions
	if strings.TrimSpace(query) == "" {
		return m, fail(lake.ErrInvalid, "try: SHOW TABLES", "no statement")
	}
	if strings.ContainsRune(query, 0) {
		return m, fail(lake.ErrInvalid, "", "the statement holds a NUL byte")
	}
	var out string
	if err := c.QueryRowContext(ctx, "SELECT CAST(json_serialize_sql(CAST(? AS VARCHAR), skip_empty := true, skip_null := true) AS VARCHAR)", query).Scan(&out); err != nil {
		return m, err
	}
	var tree struct {
		Error      bool   `json:"error"`
		Type       string `json:"error_type"`
		Message    string `json:"error_message"`
		Statements []any  `json:"statements"`
	}
	if err := json.Unmarshal([]byte(out), &tree); err != nil {
		return m, fail(lake.ErrInvalid, "infinite numbers are written as 'Infinity'::DOUBLE", "the statement holds a number that is too large")
	}
	switch {
	case tree.Error && tree.Type == "not implemented":
		return m, fail(lake.ErrInvalid, onlyReading, "this statement is not allowed")
	case tree.Error:
		if err := c.prepare(query); err != nil {
			return m, err // the same, with a pointer at the place
		}
		return m, fail(lake.ErrInvalid, "", tree.Message)
	case len(tree.Statements) != 1:
		return m, fail(lake.ErrInvalid, "send them one by one", fmt.Sprintf("%d statements", len(tree.Statements)))
	}
	err := m.walk(tree.Statements[0])
	slices.Sort(m.tables)
	m.tables = slices.Compact(m.tables)
	return m, err
}

// walk looks at every node of the tree.
func (m *mentions) walk(node any) error {
	switch v := node.(type) {
	case []any:
		for _, child := range v {
			if err := m.walk(child); err != nil {
				return err
			}
		}
	case map[string]any:
		if err := m.look(v); err != nil {
			return err
		}
		for _, child := range v {
			if err := m.walk(child); err != nil {
				return err
			}
		}
	}
	return nil
}

func (m *mentions) look(node map[string]any) error {
	word := func(key string) string {
		s, ok := node[key].(string)
		if !ok {
			return ""
		}
		return strings.ToLower(s)
	}
	switch word("type") {
	case "base_table":
		table := word("table_name")
		if slices.Contains(unsafeViews, table) {
			return fail(lake.ErrInvalid, onlyReading, fmt.Sprintf("table %q is not allowed", table))
		}
		m.add(table, word("schema_name"))
	case "show_ref":
		m.others = m.others || word("table_name") != "" // SHOW TABLES and the like; DESCRIBE holds a query
	case "table_function":
		f, ok := node["function"].(map[string]any)
		if !ok {
			return fail(lake.ErrInvalid, onlyReading, "this form of table function is not allowed")
		}
		fn, ok := f["function_name"].(string)
		if !ok || !slices.Contains(safeTableFunctions, strings.ToLower(fn)) {
			return fail(lake.ErrInvalid, "SQL here reads the lake's tables only, see: SHOW TABLES", fmt.Sprintf("table function %q is not allowed", fn))
		}
		m.others = m.others || own(strings.ToLower(fn))
	}
	if ctes, ok := node["cte_map"].(map[string]any); ok {
		m.define(ctes)
	}
	if fn := word("function_name"); slices.Contains(unsafeFunctions, fn) {
		return fail(lake.ErrInvalid, "SQL here reads the lake's tables only", fmt.Sprintf("function %q is not allowed", fn))
	}
	return nil
}

func (m *mentions) add(table, schema string) {
	if table == "" || own(table) || schema != "" && schema != "main" {
		m.others = true
		return
	}
	m.tables = append(m.tables, table)
}

func (m *mentions) define(ctes map[string]any) {
	list, ok := ctes["map"].([]any)
	if !ok {
		return
	}
	for _, entry := range list {
		if e, ok := entry.(map[string]any); ok {
			if key, ok := e["key"].(string); ok {
				m.ctes = append(m.ctes, strings.ToLower(key))
			}
		}
	}
}
