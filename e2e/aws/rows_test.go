package aws

import (
	"fmt"
	"maps"
	"math"
	"reflect"
	"regexp"
	"slices"
	"testing"
	"time"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/laketest/awslocal"
	"github.com/eventlake/lake/local/duckdb"
)

// row is an event as its table has it, by column.
type row map[string]any

// engine answers SQL over the current snapshots of the tables, whose files it
// copies here.
func (s *state) engine(t *testing.T) *duckdb.Engine {
	t.Helper()
	dir := t.TempDir()
	if _, err := awslocal.CopyTables(t.Context(), s.catalog, s.store, dir); err != nil {
		t.Fatal(err)
	}
	engine, err := duckdb.Open(t.Context(), duckdb.Config{Catalog: s.catalog, Root: dir, Threads: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := engine.Close(); err != nil {
			t.Error(err)
		}
	})
	return engine
}

// rows reads a table by event id. An id that is there twice is an error.
func (s *state) rows(t *testing.T, engine *duckdb.Engine, table lake.TableName) map[string]row {
	t.Helper()
	result, err := engine.Query(t.Context(), fmt.Sprintf(`select * from "%s"`, table))
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := result.Close(); err != nil {
			t.Error(err)
		}
	}()
	return s.collect(t, table, result)
}

func (s *state) collect(t *testing.T, table lake.TableName, result lake.Rows) map[string]row {
	t.Helper()
	all := map[string]row{}
	for {
		values, err := result.Next()
		if err != nil {
			t.Fatal(err)
		}
		if values == nil {
			return all
		}
		r := row{}
		for i, c := range result.Columns() {
			r[c.Name] = values[i]
		}
		for _, own := range ownColumns {
			delete(r, own)
		}
		id := fmt.Sprint(r["event_id"])
		if all[id] != nil {
			t.Errorf("%s has event %s twice in table %s", s.name, id, table)
		}
		all[id] = joined(r).(map[string]any)
	}
}

// ownColumns tell where an event was, which differs between lakes.
var ownColumns = []string{"received_at", "shard", "position"}

// sibling ends the name of a column for values of another type.
var sibling = regexp.MustCompile(`__(string|long|double|boolean|timestamp|struct|list|json)$`)

// joined puts what is in sibling columns under the column's own name: which of
// the types comes first, and so has the name, depends on which events come
// together. Columns without a value are left out.
func joined(v any) any {
	switch v := v.(type) {
	case row:
		return joined(map[string]any(v))
	case map[string]any:
		out := map[string]any{}
		for name, value := range v {
			if value = joined(value); value == nil {
				continue
			}
			name = sibling.ReplaceAllString(name, "")
			if other, ok := out[name]; ok {
				value = fmt.Sprint("two values: ", other, " and ", value)
			}
			out[name] = value
		}
		if len(out) == 0 {
			return nil
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i := range v {
			out[i] = joined(v[i])
		}
		return out
	case float64:
		if v == math.Trunc(v) && math.Abs(v) < 1<<53 {
			return int64(v) // a column of integers and fractions
		}
	case time.Time:
		return v.UTC().Format(time.RFC3339Nano)
	case string:
		if at, err := time.Parse(time.RFC3339Nano, v); err == nil {
			return joined(at) // a time in a column of strings
		}
	}
	return v
}

// sameTables compares all tables of two lakes row by row and value by value.
func sameTables(t *testing.T, want, got state) {
	t.Helper()
	wants, gots := want.tables(t), got.tables(t)
	if w, g := slices.Sorted(maps.Keys(wants)), slices.Sorted(maps.Keys(gots)); !slices.Equal(w, g) {
		t.Errorf("%s has the tables %v, %s has %v", want.name, w, got.name, g)
	}
	rows := 0
	inWant, inGot := want.engine(t), got.engine(t)
	for name := range wants {
		if _, ok := gots[name]; !ok {
			continue
		}
		w, g := want.rows(t, inWant, name), got.rows(t, inGot, name)
		const many = 10
		wrong := 0
		for id, r := range w {
			if wrong < many && !reflect.DeepEqual(r, g[id]) {
				t.Errorf("table %s: event %s is in %s %v\nand in %s %v", name, id, want.name, r, got.name, g[id])
				wrong++
			}
		}
		for id, r := range g {
			if _, ok := w[id]; !ok && wrong < many {
				t.Errorf("table %s: only %s has %v", name, got.name, r)
				wrong++
			}
		}
		rows += len(g)
	}
	t.Logf("%d tables with %d rows were compared", len(wants), rows)
}
