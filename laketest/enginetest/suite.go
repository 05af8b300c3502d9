package enginetest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/eventlake/lake"
)

// Open makes the engine under test over the tables; it is closed by the test's
// clean-up.
type Open func(t *testing.T, tables *Tables) lake.Engine

// Suite runs the contract.
func Suite(t *testing.T, open Open) {
	for _, c := range []struct {
		name string
		run  func(t *testing.T, tables *Tables, e lake.Engine)
	}{
		{"a lake without tables answers", noTables},
		{"a table is read with its types", types},
		{"a table without files is empty", emptyTable},
		{"old files are read with the new columns", evolution},
		{"a payload column named day keeps its name", payloadDay},
		{"events covers all tables", events},
		{"a question about one day opens the files of that day only", oneDay},
		{"conditions that cannot be pushed down lose no row", noFalsePruning},
		{"a commit is seen by the next query and by no running one", snapshots},
		{"a dropped table is gone", dropped},
		{"arguments are bound", arguments},
		{"what is wrong is invalid and says what would be right", invalid},
		{"hostile statements are refused and change nothing", hostile},
		{"a cancelled query ends", cancelled},
		{"a query that takes too long is a limit", tooLong},
		{"queries run side by side with commits", concurrent},
	} {
		t.Run(c.name, func(t *testing.T) {
			tables := NewTables(t.TempDir())
			c.run(t, tables, open(t, tables))
		})
	}
}

const firstDay = lake.Day(18800) // 2021-06-22

func noTables(t *testing.T, _ *Tables, e lake.Engine) {
	Expect(t, e, "SELECT 1", "1")
	Expect(t, e, "SELECT count(*) FROM events", "0")
	Expect(t, e, "SELECT x FROM range(3) r(x);", "0", "1", "2")
	Expect(t, e, "SHOW TABLES", "events")
}

func types(t *testing.T, tables *Tables, e lake.Engine) {
	f := write(t, tables, "account", firstDay, []newRow{
		{system: systemRow("Account", firstDay, 0, 1), N: 1 << 40, S: &newOuter{A: 7, B: "b", C: &newInner{D: true}}, L: []newItem{{P: 1, Q: "q"}}, J: `{"x": 12345678901234567890}`},
	})
	tables.commit(t, "account", newColumns(), []lake.DataFile{f}, nil)
	rows, err := e.Query(t.Context(), "SELECT event_id, created_datetime, day, n, s, l, j, NULL AS nothing, 1.50 AS dec, 18446744073709551616::HUGEINT AS huge, true AS yes, 'a'::BLOB AS raw, INTERVAL '1 day 2 seconds' AS iv, 0.5::DOUBLE AS d FROM account")
	if err != nil {
		t.Fatal(err)
	}
	row, err := rows.Next()
	if err != nil || row == nil {
		t.Fatal(row, err)
	}
	at := firstDay.Start().Time()
	for i, want := range []string{
		"00000000-0000-4970-0000-000000000000", at.String(), at.String(), fmt.Sprint(1 << 40), "map[a:7 b:b c:map[d:true]]", "[map[p:1 q:q]]",
		`{"x": 12345678901234567890}`, "<nil>", "1.50", "18446744073709551616", "true", "[97]", "1 day 00:00:02", "0.5",
	} {
		if got := fmt.Sprint(row[i]); got != want {
			t.Errorf("%s is %v (%T), want %s", rows.Columns()[i].Name, got, row[i], want)
		}
	}
	if got, want := rows.Columns()[3], (lake.ResultColumn{Name: "n", Type: "BIGINT"}); got != want {
		t.Errorf("column %v, want %v", got, want)
	}
	if row, err = rows.Next(); row != nil || err != nil {
		t.Errorf("after the last row: %v, %v", row, err)
	}
	if err := errors.Join(rows.Close(), rows.Close()); err != nil {
		t.Error("close twice:", err)
	}
}

func emptyTable(t *testing.T, tables *Tables, e lake.Engine) {
	tables.commit(t, "account", newColumns(), nil, nil)
	Expect(t, e, "SELECT count(*), sum(n), max(s.c.d) FROM account", "0|NULL|NULL")
	Expect(t, e, "SELECT count(*) FROM account WHERE day = '2021-01-01' AND l[1].q = 'x'", "0")
	Expect(t, e, "SELECT count(*) FROM events", "0")
}

func evolution(t *testing.T, tables *Tables, e lake.Engine) {
	before := write(t, tables, "account", firstDay, []oldRow{{system: systemRow("account", firstDay, 0, 1), N: 1, S: &oldOuter{A: 10, B: "old"}, L: []oldItem{{P: 100}}}})
	tables.commit(t, "account", oldColumns(), []lake.DataFile{before}, nil)
	Expect(t, e, "SELECT n, s.a, s.b, l[1].p FROM account", "1|10|old|100")
	after := write(t, tables, "account", firstDay+1, []newRow{{system: systemRow("account", firstDay+1, 0, 1), N: 1 << 40, S: &newOuter{A: 1 << 41, B: "new", C: &newInner{D: true}}, L: []newItem{{P: 1 << 42, Q: "q"}}, J: `[1]`}})
	tables.commit(t, "account", newColumns(), []lake.DataFile{after}, nil)
	Expect(t, e, "SELECT n, s.a, s.b, s.c.d, l[1].p, l[1].q, j FROM account ORDER BY n",
		"1|10|old|NULL|100|NULL|NULL", fmt.Sprintf("%d|%d|new|true|%d|q|[1]", 1<<40, 1<<41, 1<<42))
	Expect(t, e, "SELECT count(*) FROM account WHERE j IS NULL AND s.c.d IS NULL", "1") // only the old file, only absent columns
	Expect(t, e, "SELECT j FROM account WHERE created_datetime < '2021-06-23'", "NULL")
}

type dayRow struct {
	system
	Day string `parquet:"day,optional,id(9)"`
}

func payloadDay(t *testing.T, tables *Tables, e lake.Engine) {
	f := write(t, tables, "lesson", firstDay, []dayRow{{systemRow("lesson", firstDay, 0, 1), "monday"}})
	tables.commit(t, "lesson", []lake.Column{{ID: 9, Name: "day", Type: lake.TypeString}}, []lake.DataFile{f}, nil)
	Expect(t, e, "SELECT day, lake_day::VARCHAR FROM lesson WHERE lake_day = '2021-06-22'", "monday|2021-06-22")
	Expect(t, e, "SELECT day::VARCHAR FROM events", "2021-06-22")
}

func events(t *testing.T, tables *Tables, e lake.Engine) {
	for i, typ := range []string{"Account", "Lesson", "Payment"} {
		name := lake.Name{Type: typ}.Table()
		f := write(t, tables, name, firstDay, numbers(typ, firstDay, i+1))
		tables.commit(t, name, numberColumns(), []lake.DataFile{f}, nil)
	}
	Expect(t, e, "SELECT _table, event_type, count(*) FROM events GROUP BY ALL ORDER BY 1", "account|Account|1", "lesson|Lesson|2", "payment|Payment|3")
	Expect(t, e, "SELECT count(*) FROM events WHERE _table = 'payment'", "3")
	Expect(t, e, "SELECT count(*) FROM events JOIN payment USING (event_id) WHERE events.event_type = 'x' OR _table = 'payment'", "3")
	Expect(t, e, "WITH payment AS (SELECT * FROM lesson) SELECT count(*) FROM payment", "2")
	Expect(t, e, "SELECT name FROM (SHOW TABLES) ORDER BY 1", "account", "events", "lesson", "payment")
	Expect(t, e, "SELECT count(*) FROM information_schema.columns WHERE table_name = 'lesson'", "10")
	if got := Ask(t, e, "DESCRIBE lesson"); len(got) != 10 || !strings.HasPrefix(got[8], "n|BIGINT|") || !strings.HasPrefix(got[9], "day|DATE|") {
		t.Errorf("DESCRIBE lesson: %q", got)
	}
}

// oneDay destroys the files of all other days, so that opening one is an error.
func oneDay(t *testing.T, tables *Tables, e lake.Engine) {
	const days, perDay = 30, 24
	wanted := firstDay + 29 // 2021-07-21
	for _, table := range []lake.TableName{"push", "watch"} {
		var files []lake.DataFile
		for d := range lake.Day(days + 1) {
			for half := range 2 {
				f := write(t, tables, table, firstDay+d, numbers(string(table), firstDay+d, perDay)[half*perDay/2:(half+1)*perDay/2])
				files = append(files, f)
				if firstDay+d != wanted {
					if err := os.WriteFile(tables.path(f.Key), []byte("no parquet"), 0o644); err != nil {
						t.Fatal(err)
					}
				}
			}
		}
		tables.commit(t, table, numberColumns(), files, nil)
	}
	if _, err := ask(t, e, "SELECT count(*) FROM push"); !errors.Is(err, lake.ErrCorrupt) {
		t.Fatalf("reading the destroyed files: %v", err)
	}
	for _, where := range []string{
		"created_datetime >= '2021-07-21' AND created_datetime < '2021-07-22'",
		"created_datetime BETWEEN TIMESTAMP '2021-07-21' AND '2021-07-21 23:59:59.999999'",
		"created_datetime::DATE = '2021-07-21'",
		"created_datetime::DATE >= '2021-07-21' AND created_datetime::DATE <= '2021-07-21'",
		"date_trunc('day', created_datetime) = '2021-07-21'",
		"day = '2021-07-21'",
		"day = DATE '2021-07-20' + 1",
		"day IN ('2021-07-21')",
		"created_datetime::DATE IN ('2021-07-21')",
		"created_datetime::DATE BETWEEN '2021-07-21' AND '2021-07-21'",
		"created_datetime::TIMESTAMP >= '2021-07-21' AND day < '2021-07-22'",
		"(created_datetime::DATE = '2021-07-21' OR day = '2021-07-21')",
		"day > '2021-07-20' AND created_datetime < '2021-07-22'",
	} {
		Expect(t, e, "SELECT count(*) FROM push WHERE "+where, "24")
		Expect(t, e, "SELECT count(*) FROM events WHERE "+where, "48")
		Expect(t, e, "SELECT count(*) FROM (SELECT * FROM push) p WHERE "+where, "24")
	}
	const day = "WHERE created_datetime >= '2021-07-21' AND created_datetime < '2021-07-22'"
	Expect(t, e, "WITH p AS (SELECT * FROM push) SELECT count(*) FROM p "+day, "24")
	Expect(t, e, "SELECT count(*) FROM push a JOIN watch b USING (position) WHERE a.day = '2021-07-21' AND b.day = '2021-07-21'", "24")
	Expect(t, e, "SELECT (SELECT count(*) FROM push "+day+"), (SELECT max(n) FROM watch "+day+")", "24|23")
	Expect(t, e, "SELECT count(*) FROM events "+day+" AND _table = 'watch'", "24")
	if plan := strings.Join(Ask(t, e, "EXPLAIN ANALYZE SELECT sum(n) FROM push "+day), "\n"); !strings.Contains(plan, "Total Files Read: 2 ") {
		t.Errorf("the plan does not read 2 files:\n%s", plan)
	}
}

func noFalsePruning(t *testing.T, tables *Tables, e lake.Engine) {
	var files []lake.DataFile
	for d := range lake.Day(4) {
		files = append(files, write(t, tables, "push", firstDay+d, numbers("push", firstDay+d, 10)))
	}
	tables.commit(t, "push", numberColumns(), files, nil)
	for where, want := range map[string]string{
		"created_datetime IS NULL":                                                     "0",
		"created_datetime IS NOT NULL":                                                 "40",
		"day = '2021-06-22' OR n = 3":                                                  "13",
		"day = '2021-06-22' OR day = '2021-06-25'":                                     "20",
		"created_datetime < '2021-06-23' OR day > '2021-06-24'":                        "20",
		"NOT (day = '2021-06-22')":                                                     "30",
		"day <> '2021-06-22'":                                                          "30",
		"day NOT IN ('2021-06-22', '2021-06-23')":                                      "20",
		"hour(created_datetime) = 0":                                                   "4",
		"created_datetime <= '2021-06-23 00:00:00'":                                    "11",
		"created_datetime > '2021-06-22 21:36:00' AND day < '2021-06-24'":              "10",
		"created_datetime >= '2021-06-23T01:00:00+02:00' AND day <= '2021-06-23'":      "10",
		"event_type = 'push' AND n < 1":                                                "4",
		"day IS DISTINCT FROM '2021-06-22'":                                            "30",
		"coalesce(day, '2021-01-01') = '2021-06-22'":                                   "10",
		"day = '2021-06-22' AND n::DOUBLE <> 'NaN'::DOUBLE AND n < 'Infinity'::DOUBLE": "10",
		"false":                             "0",
		"day = (SELECT max(day) FROM push)": "10",
		"(day, n) IN (SELECT day, n FROM push WHERE day = '2021-06-24')": "10",
	} {
		Expect(t, e, "SELECT count(*) FROM push WHERE "+where, want)
	}
	Expect(t, e, "SELECT count(*) FROM push a LEFT JOIN push b ON a.position = b.position AND b.day = '2021-06-22' AND a.day = '2021-06-23'", "40")
	Expect(t, e, "SELECT count(b.n), count(*) FROM push a FULL JOIN push b ON a.event_id = b.event_id AND b.day = '2021-06-22'", "40|70")
	Expect(t, e, "SELECT (SELECT count(*) FROM push WHERE day = '2021-06-22'), (SELECT count(*) FROM push WHERE day = '2021-06-25'), (SELECT count(*) FROM push)", "10|10|40")
	Expect(t, e, "SELECT count(*) FROM (SELECT count(*) OVER () AS w, day FROM push) WHERE day = '2021-06-22' AND w = 40", "10")
	Expect(t, e, "SELECT DISTINCT w FROM (SELECT count(*) OVER () AS w, day FROM push) WHERE day = '2021-06-22'", "40")
	Expect(t, e, "SELECT day::VARCHAR FROM (SELECT * FROM push ORDER BY created_datetime LIMIT 15) WHERE day >= '2021-06-23' GROUP BY ALL", "2021-06-23")
	Expect(t, e, "SELECT count(*) FROM push TABLESAMPLE 100% WHERE day = '2021-06-22'", "10")
	Expect(t, e, "SELECT count(*) FILTER (WHERE day = '2021-06-22'), count(*) FROM push", "10|40")
	Expect(t, e, "SELECT count(*) FROM push WHERE day = '2021-06-22' UNION ALL SELECT count(*) FROM push WHERE day = '2021-06-25'", "10", "10")
	Expect(t, e, "SELECT count(*) FROM push a WHERE EXISTS (FROM push b WHERE b.position = a.position AND b.day = '2021-06-22') AND a.n < 2", "8")
}

func snapshots(t *testing.T, tables *Tables, e lake.Engine) {
	first := write(t, tables, "push", firstDay, numbers("push", firstDay, 5000))
	tables.commit(t, "push", numberColumns(), []lake.DataFile{first}, nil)
	rows, err := e.Query(t.Context(), "SELECT n FROM push")
	if err != nil {
		t.Fatal(err)
	}
	second := write(t, tables, "push", firstDay, numbers("push", firstDay, 7))
	tables.commit(t, "push", numberColumns(), []lake.DataFile{second}, []lake.DataFile{first})
	Expect(t, e, "SELECT count(*) FROM push", "7")
	n := 0
	for row, err := rows.Next(); row != nil || err != nil; row, err = rows.Next() {
		if err != nil {
			t.Fatal(err)
		}
		n++
	}
	if err := rows.Close(); err != nil || n != 5000 {
		t.Errorf("the running query saw %d rows, %v", n, err)
	}
}

func dropped(t *testing.T, tables *Tables, e lake.Engine) {
	tables.commit(t, "push", numberColumns(), nil, nil)
	Expect(t, e, "SELECT count(*) FROM push", "0")
	tables.Drop("push")
	if _, err := ask(t, e, "SELECT count(*) FROM push"); !errors.Is(err, lake.ErrInvalid) {
		t.Errorf("after the drop: %v", err)
	}
	Expect(t, e, "SHOW TABLES", "events")
}

func arguments(t *testing.T, tables *Tables, e lake.Engine) {
	f := write(t, tables, "push", firstDay, numbers("push", firstDay, 10))
	tables.commit(t, "push", numberColumns(), []lake.DataFile{f}, nil)
	got := Ask(t, e, "SELECT count(*) FROM push WHERE n >= ? AND event_type = ? AND created_datetime < ?", 4, "push", firstDay.Start().Time().Add(12*time.Hour))
	if !slices.Equal(got, []string{"1"}) {
		t.Errorf("got %q", got)
	}
	if _, err := ask(t, e, "SELECT ?"); err == nil {
		t.Error("a missing argument is no error")
	}
}

func invalid(t *testing.T, tables *Tables, e lake.Engine) {
	for _, name := range []lake.TableName{"account", "payment", "push_event"} {
		tables.commit(t, name, numberColumns(), nil, nil)
	}
	for sql, want := range map[string]string{
		"":                            "no statement",
		" ; -- nothing":               "no statement",
		"SELCT 1":                     "syntax error",
		"SELECT":                      "SELECT clause without selection list",
		"SELECT nope FROM push_event": `"nope" not found`,
		"SELECT * FROM push_event, duckdb_tables()": "together with",
		"SELECT * FROM push_evnt":                   "push_evnt does not exist",
		"SELECT 1; SELECT 2":                        "2 statements",
		"SELECT 'x'::INTEGER":                       "Could not convert",
		"SELECT unknown_function(1)":                "unknown_function does not exist",
		"SELECT (SELECT 1":                          "syntax error",
		"SELECT 1e999":                              "too large",
		"SELECT '\x00'":                             "NUL",
		"EXPLAIN":                                   "syntax error",
		"SELECT sum(event_type) FROM push_event":    "No function matches",
	} {
		_, err := ask(t, e, sql)
		if !errors.Is(err, lake.ErrInvalid) || !strings.Contains(fmt.Sprint(err), want) {
			t.Errorf("%q: got %v, want %q", sql, err, want)
		}
	}
	_, err := ask(t, e, "SELECT * FROM push_evnt")
	if hint := lake.Hint(err); !strings.Contains(hint, "nearest: push_event") {
		t.Errorf("hint %q", hint)
	}
}

func cancelled(t *testing.T, _ *Tables, e lake.Engine) {
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(100*time.Millisecond, cancel)
	if _, err := e.Query(ctx, endless); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	Expect(t, e, "SELECT 1", "1")
}

func tooLong(t *testing.T, tables *Tables, e lake.Engine) {
	f := write(t, tables, "push", firstDay, numbers("push", firstDay, 5000))
	tables.commit(t, "push", numberColumns(), []lake.DataFile{f}, nil)
	for _, sql := range []string{endless, "SELECT count(*) FROM push a, push b, push c WHERE a.n + b.n * c.n = 17"} {
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		start := time.Now()
		if _, err := e.Query(ctx, sql); !errors.Is(err, lake.ErrLimit) {
			t.Errorf("got %v", err)
		}
		if d := time.Since(start); d > 5*time.Second {
			t.Errorf("stopped after %v", d)
		}
		cancel()
	}
	Expect(t, e, "SELECT count(*) FROM push", "5000")
}

const endless = "SELECT count(*) FROM range(10000000) a, range(10000000) b WHERE a.range * b.range % 7 = 3"
