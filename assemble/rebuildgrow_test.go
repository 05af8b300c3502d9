package assemble

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/config"
	"github.com/eventlake/lake/local/duckdb"
)

// selected is the rows of a statement over the tables, as text.
func selected(t *testing.T, l *Local, sql string) (out []string) {
	t.Helper()
	e, err := duckdb.Open(t.Context(), duckdb.Config{Catalog: l.Catalog, Root: l.Config.Data, Threads: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	}()
	rows, err := e.Query(t.Context(), sql)
	if err != nil {
		t.Fatal(err)
	}
	for {
		r, err := rows.Next()
		if err != nil {
			t.Fatal(err)
		}
		if r == nil {
			break
		}
		out = append(out, fmt.Sprint(r))
	}
	if err := rows.Close(); err != nil {
		t.Fatal(err)
	}
	return out
}

// Events bring new columns while a table, or some of its days, is rebuilt: at
// every build but the one that keeps other writers off. All columns stay, and
// no id of a column is given to another.
func TestARebuildKeepsTheColumnsThatAppearMeanwhile(t *testing.T) {
	const first, second = 1772272800, 1772359200
	day := lake.InstantOf(time.Unix(second, 0)).Day()
	for name, args := range map[string]string{
		"of a day":   fmt.Sprintf(`{"from":%d,"to":%d,"force":true}`, day, day+1), // force stands for any difference
		"of a table": `{"force":true}`,
	} {
		t.Run(name, func(t *testing.T) {
			now := lake.InstantOf(time.Unix(second+100, 0))
			l := openedWith(t, t.TempDir(), &now, func(c *config.Config) { c.Stream.Shards = 1 })
			defer closed(t, l)
			send := func(id string, created int, rest string) {
				t.Helper()
				sentIn(t, l, now, map[string]string{id: fmt.Sprintf(`{"event_uuid":%q,"event_name":"account:opened","created_at":%d%s}`, id, created, rest)})
				if err := l.Settle(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			send("a", second, `,"x":1`)
			send("b", first, `,"x":2`)
			builds := 0
			_, err := l.Ops()[OpRebuild](t.Context(), []byte(args), func(v any) {
				s, ok := v.(RebuildStep)
				if !ok || s.Difference != nil || s.Done != 1 {
					return
				}
				builds++
				switch builds { // while the first files are read
				case 1:
					send("c", first+1, `,"fresh":"column"`)
				case 2:
					send("d", first+2, `,"other":2.5`)
				}
			})
			if err != nil {
				t.Fatal(err)
			}
			if builds < 3 {
				t.Fatalf("built %d times", builds)
			}
			onceEach(t, tableIDs(t, l, "account"), 4)
			send("e", first+3, `,"later":"value"`)
			want := []string{"[a <nil> <nil> <nil>]", "[b <nil> <nil> <nil>]", "[c column <nil> <nil>]", "[d <nil> 2.5 <nil>]", "[e <nil> <nil> value]"}
			if got := selected(t, l, "select event_uuid, fresh, other, later from account order by 1"); !slices.Equal(got, want) {
				t.Errorf("the rows are %q, not %q", got, want)
			}
			verified(t, l)
		})
	}
}
