package duckdb_test

import (
	"fmt"
	"testing"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/laketest/enginetest"
)

// BenchmarkQuery measures the warm latency of typical questions over one
// million events of four types in 365 days, in 1,460 files.
func BenchmarkQuery(b *testing.B) {
	tables := enginetest.NewTables(b.TempDir())
	for _, table := range []lake.TableName{"account", "lesson", "payment", "push"} {
		for d := range lake.Day(365) {
			tables.Fill(b, table, day-200+d, 685)
		}
	}
	e := open(b, tables)
	for _, c := range []struct{ name, sql string }{
		{"constant", "SELECT 1"},
		{"one-day", "SELECT count(*) FROM push WHERE created_datetime >= '2021-07-21' AND created_datetime < '2021-07-22'"},
		{"one-day-events", "SELECT event_type, count(*) FROM events WHERE day = '2021-07-21' GROUP BY ALL"},
		{"count-table", "SELECT count(*) FROM push"},
		{"count-by-type-and-day", "SELECT event_type, day, count(*) FROM events GROUP BY ALL"},
		{"one-event", "SELECT * FROM events WHERE event_id = '00000000-0000-498d-0000-000000000001'"},
	} {
		b.Run(c.name, func(b *testing.B) {
			for b.Loop() {
				if got := enginetest.Ask(b, e, c.sql); len(got) == 0 {
					b.Fatal("no rows")
				}
			}
			b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N)/1000, "ms/query")
		})
	}
}

// BenchmarkManyTables asks one day of a view over 300 tables.
func BenchmarkManyTables(b *testing.B) {
	tables := enginetest.NewTables(b.TempDir())
	for i := range 300 {
		tables.Fill(b, lake.TableName(fmt.Sprintf("type_%03d", i)), day+lake.Day(i%10), 10)
	}
	e := open(b, tables)
	for b.Loop() {
		if got := enginetest.Ask(b, e, "SELECT count(*) FROM events WHERE day = '2021-07-21'"); got[0] != "300" {
			b.Fatal(got)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N)/1000, "ms/query")
}
