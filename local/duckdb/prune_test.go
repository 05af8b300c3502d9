package duckdb_test

import (
	"encoding/binary"
	"os"
	"path/filepath"
	"testing"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/laketest/enginetest"
)

// TestStatisticsOfTheCatalogLeaveFilesOut gives files statistics and destroys
// those that statements need not open.
func TestStatisticsOfTheCatalogLeaveFilesOut(t *testing.T) {
	tables := enginetest.NewTables(t.TempDir())
	micros := func(i lake.Instant) []byte { return binary.LittleEndian.AppendUint64(nil, uint64(i)) }
	for _, table := range []lake.TableName{"push", "watch"} {
		f := tables.Fill(t, table, day, 24)
		g := f
		g.Columns = []lake.ColumnStat{
			{ID: 2, Values: 24, Lower: []byte(table), Upper: []byte(table)},
			{ID: 4, Values: 24, Lower: micros(day.Start()), Upper: micros(day.Start() + 23*3600*1_000_000)},
			{ID: 9, Values: 24, Lower: micros(0), Upper: micros(23)},
		}
		state, err := tables.Table(t.Context(), table)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := tables.Commit(t.Context(), lake.TableCommit{Table: table, Schema: state.Schema, Add: []lake.DataFile{g}, Remove: []lake.DataFile{f}}); err != nil {
			t.Fatal(err)
		}
		if table == "watch" {
			if err := os.WriteFile(filepath.Join(tables.Root, string(f.Key)), []byte("no parquet"), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	e := open(t, tables)
	for sql, want := range map[string]string{
		"SELECT count(*) FROM events WHERE event_type = 'push'":                                "24",
		"SELECT count(*) FROM events WHERE event_type IN ('push', 'pull')":                     "24",
		"SELECT count(*) FROM events WHERE event_type < 'q'":                                   "24",
		"SELECT count(*) FROM watch WHERE created_datetime > '2021-07-21 23:30:00'":            "0",
		"SELECT count(*) FROM watch WHERE n >= 24":                                             "0",
		"SELECT count(*) FROM watch WHERE n = 5 AND event_type = 'push'":                       "0",
		"SELECT count(*) FROM events WHERE event_type = 'push' AND hour(created_datetime) < 3": "3",
	} {
		enginetest.Expect(t, e, sql, want)
	}
	for _, sql := range []string{"SELECT count(*) FROM events WHERE event_type >= 'push'", "SELECT sum(n) FROM watch WHERE n = 23", "SELECT count(*) FROM watch WHERE event_type <> 'push' AND n < 5"} {
		if _, err := e.Query(t.Context(), sql); err == nil {
			t.Errorf("%s: did not open the destroyed file", sql)
		}
	}
}
