package curate_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/curate"
	"github.com/eventlake/lake/curate/column"
)

func TestTenThousandDifferentFieldsAreKept(t *testing.T) {
	r := newRig(t)
	want := map[string]int{}
	for b := range 4 {
		var list []string
		for i := range 25 {
			fields := make([]string, 100)
			for j := range fields {
				n := b*2500 + i*100 + j
				fields[j] = fmt.Sprintf(`"f%d":%d`, n, n)
				want[fmt.Sprintf("f%d", n)] = n
			}
			list = append(list, "{"+strings.Join(fields, ",")+"}")
		}
		r.span(bodies(list...)...)
		r.once()
	}
	table := r.table("order")
	checkSchema(t, table.Schema)
	if n := len(column.Leaves(&table.Schema)); n > 1001 {
		t.Errorf("%d leaf columns", n)
	}
	got := map[string]int{}
	for _, line := range r.rows(table) {
		for field := range strings.SplitSeq(line, " ") {
			name, value, _ := strings.Cut(field, "=")
			if name != "_rest" {
				got[name] = atoi(t, value)
				continue
			}
			var text string
			var rest map[string]int
			if err := json.Unmarshal([]byte(value), &text); err != nil {
				t.Fatal(err)
			}
			if err := json.Unmarshal([]byte(text), &rest); err != nil {
				t.Fatalf("%s: %v", text, err)
			}
			for k, v := range rest {
				got[k] = v
			}
		}
	}
	for k, v := range want {
		if got[k] != v {
			t.Fatalf("%s = %d, want %d", k, got[k], v)
		}
	}
}

func atoi(t *testing.T, s string) (n int) {
	t.Helper()
	if _, err := fmt.Sscan(s, &n); err != nil {
		t.Fatal(err)
	}
	return n
}

func TestBeyondTheLimitsMembersGoToRest(t *testing.T) {
	small := func(c *curate.Config) { c.Limits = curate.Limits{Columns: 12, Width: 2, Depth: 2} }
	r := newRig(t)
	r.span(bodies(
		`{"o":{"a":1,"b":2,"c":3,"d\"e":{"x":[1]}},"p":"x"}`,
		`{"o":{"a":"text","c":null,"f":false},"q":[1,2],"r":{"s":1},"t":{}}`)...)
	r.once(small)
	r.span(bodies(`{"p":5,"u":7,"o":{"a":9}}`)...)
	r.once(small)
	table := r.table("order")
	if got := strings.Join(columns(table.Schema), " | "); got != "o {a long, b long, _rest json} | p string | _rest json" {
		t.Errorf("columns %s", got)
	}
	want := []string{
		`o={"a":1,"b":2,"_rest":"{\"c\":3,\"d\\\"e\":{\"x\":[1]}}"} p="x"`,
		`_rest="{\"q\":[1,2],\"r\":{\"s\":1},\"t\":{}}" o={"a":null,"b":null,"_rest":"{\"a\":\"text\",\"f\":false}"}`,
		`_rest="{\"p\":5,\"u\":7}" o={"a":9,"b":null,"_rest":null}`,
	}
	if got := r.rows(table); strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("rows\n%s", strings.Join(got, "\n"))
	}
}

func TestDeepNestingIsText(t *testing.T) {
	r := newRig(t)
	deep := strings.Repeat(`{"a":`, 2000) + "1" + strings.Repeat("}", 2000)
	list := `{"l":` + strings.Repeat("[", 2000) + strings.Repeat("]", 2000) + "}"
	r.span(bodies(deep, list)...)
	r.once()
	table := r.table("order")
	got := r.query(table, `select length(a.a.a.a.a.a) || ' ' || json_valid(a.a.a.a.a.a) from t where a is not null`)
	if len(got) != 1 || got[0] != "11971 true" && got[0] != fmt.Sprint(len(deep)-6*6, " true") {
		t.Errorf("%v", got)
	}
	if got := r.query(table, `select length(l) from t where l is not null`); len(got) != 1 || got[0] != "4000" {
		t.Errorf("%v", got)
	}
}

func TestMemoryIsBoundedByFlushingEarly(t *testing.T) {
	r := newRig(t)
	var list []event
	for i := range 3000 {
		list = append(list, event{body: fmt.Sprintf(`{"i":%d,"pad":"%s"}`, i, strings.Repeat("x", 1000))})
	}
	r.span(list...)
	report := r.once(func(c *curate.Config) { c.Limits.Memory = 1 << 20 })
	if report.Rows != 3000 || report.Files < 5 || report.Commits != 1 {
		t.Errorf("%+v", report)
	}
	if got := r.query(r.table("order"), "select count(*)||' '||sum(i) from t"); got[0] != "3000 4498500" {
		t.Errorf("%v", got)
	}
}

func TestDaysAndTypesHaveTheirOwnFiles(t *testing.T) {
	r := newRig(t)
	var list []event
	for i := range 60 {
		at := start.Add(-24 * time.Hour * time.Duration(i%7))
		list = append(list, event{body: fmt.Sprintf(`{"i":%d,"l":["a%d",null],"o":{"x":%d}}`, i, i, i),
			kind: []string{"Order-A", "order.a", "refund"}[i%3], created: at, received: start})
	}
	r.span(list...)
	r.once(func(c *curate.Config) { c.LateAfter = 1 << 62 })
	orders, refunds := r.table("order_a"), r.table("refund")
	if len(orders.Files) != 7 || len(refunds.Files) != 7 {
		t.Errorf("%d and %d files", len(orders.Files), len(refunds.Files))
	}
	got := r.query(orders, "select count(*)||' '||count(distinct event_type)||' '||sum(i)||' '||sum((l[1] = 'a'||i and o.x = i)::int) from t")
	if got[0] != "40 2 1160 40" {
		t.Errorf("%v", got)
	}
	for _, f := range orders.Files {
		if want := "tables/order_a/data/day=" + f.Day.String() + "/"; !strings.HasPrefix(string(f.Key), want) {
			t.Errorf("%s is not under %s", f.Key, want)
		}
		for _, c := range f.Columns {
			if c.ID == 4 && (lake.Instant(le(c.Lower)).Day() != f.Day || lake.Instant(le(c.Upper)).Day() != f.Day) {
				t.Errorf("%s: bounds of created_datetime lie on other days", f.Key)
			}
		}
	}
}

func le(b []byte) (n int64) {
	for i, c := range b {
		n |= int64(c) << (8 * i)
	}
	return n
}

// An event's own member may have the name of the column for the rest; the
// column is found again by the next process.
func TestMembersGoToTheSameRestWhateverItsName(t *testing.T) {
	small := func(c *curate.Config) { c.Limits = curate.Limits{Columns: 9} }
	r := newRig(t)
	for _, body := range []string{`{"_rest":1,"a":2}`, `{"a":3}`, `{"b":4,"_rest":5}`} {
		r.span(bodies(body)...)
		r.once(small)
	}
	table := r.table("order")
	if got := strings.Join(columns(table.Schema), " | "); got != "_rest long | _rest__2 json" {
		t.Errorf("columns %s", got)
	}
	want := `_rest=1 _rest__2="{\"a\":2}"` + "\n" + `_rest__2="{\"a\":3}"` + "\n" + `_rest=5 _rest__2="{\"b\":4}"`
	if got := strings.Join(r.rows(table), "\n"); got != want {
		t.Errorf("rows\n%s", got)
	}
}

// Columns that wait for content take no room yet, so there may be more of them
// than there is room for when content comes.
func TestListsThatBeginEmptyStayWithinTheLimit(t *testing.T) {
	r := newRig(t)
	r.span(bodies(`{"a":[],"b":[[]],"c":[{}],"d":[]}`, `{"a":[1],"b":[["x"]],"c":[{"e":true}],"d":[2]}`, `{"b":[],"a":[3]}`)...)
	r.once(func(c *curate.Config) { c.Limits = curate.Limits{Columns: 9} })
	table := r.table("order")
	if got := strings.Join(columns(table.Schema), " | "); got != "a [long] | _rest json" {
		t.Errorf("columns %s", got)
	}
	want := "a=[]\n" + `_rest="{\"b\":[[\"x\"]],\"c\":[{\"e\":true}],\"d\":[2]}" a=[1]` + "\na=[3]"
	if got := strings.Join(r.rows(table), "\n"); got != want {
		t.Errorf("rows\n%s", got)
	}
}
