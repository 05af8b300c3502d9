package curate_test

import (
	"reflect"
	"strings"
	"testing"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/curate"
)

// Each case is batches of events, a new process for each, and the columns and
// rows that must come of it.
func TestColumnsFollowFromValues(t *testing.T) {
	for name, c := range map[string]struct {
		batches [][]string
		columns []string
		rows    []string
	}{
		"scalars": {
			[][]string{{`{"s":"x","n":1,"d":1.5,"b":true,"z":null}`, `{"b":false,"s":""}`}},
			[]string{"s string", "n long", "d double", "b boolean"},
			[]string{`b=true d=1.5 n=1 s="x"`, `b=false s=""`},
		},
		"integers and fractions in one batch are double": {
			[][]string{{`{"n":1}`, `{"n":2.5}`, `{"n":3}`}},
			[]string{"n double"},
			[]string{"n=1.0", "n=2.5", "n=3.0"},
		},
		"a fraction after integers goes to a sibling": {
			[][]string{{`{"n":1}`}, {`{"n":2.5}`, `{"n":4.0}`, `{"n":3}`}, {`{"n":6.5}`}},
			[]string{"n long", "n__double double"},
			[]string{"n=1", "n__double=2.5", "n=4", "n=3", "n__double=6.5"},
		},
		"an integer after fractions stays": {
			[][]string{{`{"n":1.5}`}, {`{"n":2}`, `{"n":9007199254740993}`}},
			[]string{"n double", "n__long long"},
			[]string{"n=1.5", "n=2.0", "n__long=9007199254740993"},
		},
		"huge numbers lose no digit": {
			[][]string{{`{"n":1}`, `{"n":9223372036854775807}`, `{"n":-9223372036854775808}`, `{"n":9223372036854775809}`,
				`{"n":123456789012345678901234567890}`, `{"n":1e400}`, `{"m":0.12345678901234567890123}`, `{"n":100000000000000000000}`}},
			[]string{"n long", "n__string string", "m string", "n__double double"},
			[]string{"n=1", "n=9223372036854775807", "n=-9223372036854775808", `n__string="9223372036854775809"`,
				`n__string="123456789012345678901234567890"`, `n__string="1e400"`, `m="0.12345678901234567890123"`, "n__double=100000000000000000000.0"},
		},
		"conflicts go to siblings": {
			[][]string{{`{"a":5}`}, {`{"a":"x"}`, `{"a":true}`, `{"a":{"b":1}}`, `{"a":[1]}`, `{"a":6}`}},
			[]string{"a long", "a__string string", "a__boolean boolean", "a__struct {b long}", "a__list [long]"},
			[]string{"a=5", `a__string="x"`, "a__boolean=true", `a__struct={"b":1}`, "a__list=[1]", "a=6"},
		},
		"times": {
			[][]string{{`{"t":"2026-01-02T03:04:05Z","u":"2026-01-02T03:04:05Z"}`, `{"t":"2026-01-02T03:04:05.25+02:00","u":"soon"}`},
				{`{"t":"later","u":"2026-01-02T03:04:05Z"}`, `{"t":"2026-01-02T03:04:06Z"}`}},
			[]string{"t timestamptz", "u string", "t__string string"},
			[]string{`t="2026-01-02 03:04:05+00" u="2026-01-02T03:04:05Z"`, `t="2026-01-02 01:04:05.25+00" u="soon"`,
				`t__string="later" u="2026-01-02T03:04:05Z"`, `t="2026-01-02 03:04:06+00"`},
		},
		"times with escapes are times": {
			[][]string{{`{"t":"2026-01-02T03:04:05\u002B02:00"}`, `{"t":"2026-01-02T03:04:0\u0036Z"}`}, {`{"t":"\u0032026-01-02T03:04:07\u002b00:00"}`, `{"t":"\u006eo"}`}},
			[]string{"t timestamptz", "t__string string"},
			[]string{`t="2026-01-02 01:04:05+00"`, `t="2026-01-02 03:04:06+00"`, `t="2026-01-02 03:04:07+00"`, `t__string="no"`},
		},
		"times outside the years 1 to 9999 of UTC are text": {
			[][]string{{`{"a":"0001-01-01T00:00:00+00:01","b":"9999-12-31T23:59:59.5-00:01","c":"0001-01-01T00:00:00Z"}`}},
			[]string{"a string", "b string", "c timestamptz"},
			[]string{`a="0001-01-01T00:00:00+00:01" b="9999-12-31T23:59:59.5-00:01" c="0001-01-01 00:00:00+00"`},
		},
		"fractions that no double gives back are text": {
			[][]string{{`{"a":9007199254740993.0,"b":0.12345678901234567,"c":0.30000000000000004,"d":0.10000000000000001,"e":3e-324,"f":5e-324,"g":-9007199254740992.0,"h":[0.12345678901234567]}`},
				{`{"g":9007199254740993.0,"c":0.12345678901234567}`}},
			[]string{"a string", "b string", "c double", "d double", "e string", "f double", "g double", "h json", "g__string string", "c__string string"},
			[]string{`a="9007199254740993.0" b="0.12345678901234567" c=0.30000000000000004 d=0.1 e="3e-324" f=5e-324 g=-9007199254740992.0 h="[0.12345678901234567]"`,
				`c__string="0.12345678901234567" g__string="9007199254740993.0"`},
		},
		"no times": {
			[][]string{{`{"a":"2026-02-30T00:00:00Z","b":"2026-01-01","c":"2026-01-01T00:00:60Z","d":"2026-01-01T00:00:00.1234567Z","e":"2026-01-01T24:00:00Z","f":"2026-01-01T00:00:00"}`}},
			[]string{"a string", "b string", "c string", "d string", "e string", "f string"},
			[]string{`a="2026-02-30T00:00:00Z" b="2026-01-01" c="2026-01-01T00:00:60Z" d="2026-01-01T00:00:00.1234567Z" e="2026-01-01T24:00:00Z" f="2026-01-01T00:00:00"`},
		},
		"objects grow": {
			[][]string{{`{"o":{"a":1}}`, `{"o":{"b":{"c":"x"}}}`, `{}`}, {`{"o":{"b":{"d":2},"a":null}}`, `{"o":{}}`, `{"o":null}`}},
			[]string{"o {a long, b {c string, d long}}"},
			[]string{`o={"a":1,"b":null}`, `o={"a":null,"b":{"c":"x","d":null}}`, "",
				`o={"a":null,"b":{"c":null,"d":2}}`, `o={"a":null,"b":null}`, ""},
		},
		"lists": {
			[][]string{{`{"l":[1,null,3]}`, `{"l":[]}`, `{"l":null}`, `{"l":[2.5]}`}, {`{"l":["x"]}`, `{"l":[4]}`}},
			[]string{"l [double]", "l__json json"},
			[]string{"l=[1.0,null,3.0]", "l=[]", "", "l=[2.5]", `l__json="[\"x\"]"`, "l=[4.0]"},
		},
		"lists of objects and of lists": {
			[][]string{{`{"l":[{"a":1},{"b":["x","y"]},null,{}],"m":[[1,2],[],null,[3]]}`}, {`{"l":[{"a":"z","c":true}],"m":[[[1]]]}`, `{"m":[[7]]}`}},
			[]string{"l [{a long, b [string], a__string string, c boolean}]", "m [[long]]", "m__json json"},
			[]string{`l=[{"a":1,"b":null,"a__string":null,"c":null},{"a":null,"b":["x","y"],"a__string":null,"c":null},null,{"a":null,"b":null,"a__string":null,"c":null}] m=[[1,2],[],null,[3]]`,
				`l=[{"a":null,"b":null,"a__string":"z","c":true}] m__json="[[[1]]]"`, "m=[[7]]"},
		},
		"mixed lists are JSON, and their key stays JSON": {
			[][]string{{`{"l":[1,"x"]}`, `{"l":[2]}`}, {`{"l":"s"}`, `{"l":5}`, `{"l":{"a":1}}`, `{"l":true}`}},
			[]string{"l json"},
			[]string{`l="[1,\"x\"]"`, `l="[2]"`, `l="\"s\""`, `l="5"`, `l="{\"a\":1}"`, `l="true"`},
		},
		"empty objects and lists wait": {
			[][]string{{`{"o":{},"l":[],"m":[[]],"p":[{}],"q":{"r":{}}}`}, {`{"o":"text","l":[1],"m":[["x"]],"q":{"r":{"s":1}}}`}},
			[]string{"o string", "l [long]", "m [[string]]", "q {r {s long}}"},
			[]string{"", `l=[1] m=[["x"]] o="text" q={"r":{"s":1}}`},
		},
		"empty before content in one batch": {
			[][]string{{`{"o":{},"l":[null]}`, `{"o":{"a":1},"l":["x"]}`}},
			[]string{"o {a long}", "l [string]"},
			[]string{`l=[null] o={"a":null}`, `l=["x"] o={"a":1}`},
		},
		"empty lists in lists stay where there is a column, and decide on none": {
			[][]string{{`{"m":[[],null],"n":[[]],"o":[{}],"p":1}`, `{"m":[[1]],"n":[2],"o":["x"],"p":[[[]]]}`, `{"m":[[],[null]],"p":[3]}`}},
			[]string{"m [[long]]", "p long", "n [long]", "o [string]", "p__list [long]"},
			[]string{"m=[[],null] p=1", `m=[[1]] n=[2] o=["x"]`, "m=[[],[null]] p__list=[3]"},
		},
		"too deep is JSON": {
			[][]string{{`{"a":{"b":{"c":{"d":{"e":{"f":{"g":1}}}}}}}`, `{"a":{"b":{"c":{"d":{"e":{"f":7}}}}}}`},
				{`{"x":[[[[[[1]]]]]]}`, `{"y":[[[[[1]]]]]}`, `{"z":[{"a":[{"b":[{"c":1}]}]}]}`}},
			[]string{"a {b {c {d {e {f json}}}}}", "x json", "y [[[[[long]]]]]", "z [{a [{b json}]}]"},
			[]string{`a={"b":{"c":{"d":{"e":{"f":"{\"g\":1}"}}}}}`, `a={"b":{"c":{"d":{"e":{"f":"7"}}}}}`,
				`x="[[[[[[1]]]]]]"`, "y=[[[[[1]]]]]", `z=[{"a":[{"b":"[{\"c\":1}]"}]}]`},
		},
		"names": {
			[][]string{{`{"userId":1,"userid":2,"user-id":3,"user.id":4,"":5,"ж":6,"9lives":7,"source":"x","position":8,"_rest":9,"event_id":"e"}`},
				{`{"USERID":10,"userId":11,"user.id":12,"source":"y","a\u0062":1,"ab":2}`}},
			[]string{"userid long", "userid__2 long", "user_id long", "user_id__2 long", "_ long", "___2 long", "_9lives long",
				"source__2 string", "position__2 long", "_rest long", "event_id__2 string", "userid__3 long", "ab long"},
			[]string{`_=5 _9lives=7 ___2=6 _rest=9 event_id__2="e" position__2=8 source__2="x" user_id=3 user_id__2=4 userid=1 userid__2=2`,
				`ab=2 source__2="y" user_id__2=12 userid=11 userid__3=10`},
		},
		"the last of two nested keys counts": {
			[][]string{{`{"o":{"a":1,"b":[1,2],"a":"x","b":[3],"c":{"d":1},"c":{"e":2},"f":1,"f":null}}`}},
			[]string{"o {a long, b [long], a__string string, c {d long, e long}, f long}"},
			[]string{`o={"a":null,"b":[3],"a__string":"x","c":{"d":null,"e":2},"f":null}`},
		},
		"strings": {
			[][]string{{`{"s":"é\u00e9\n\"\\\/\ud83d\ude00\t","u":"\ud800x","n":"a\u0000b"}`, `{"s":"日本語 🎉"}`}},
			[]string{"s string", "u string", "n string"},
			[]string{"n=\"a\\u0000b\" s=\"éé\\n\\\"\\\\/😀\\t\" u=\"\uFFFDx\"", `s="日本語 🎉"`},
		},
		"white space": {
			[][]string{{" { \"a\" : 1 , \"b\" : [ 1 , 2 ] , \"c\" : { \"d\" : \"x\" } } "}},
			[]string{"a long", "b [long]", "c {d string}"},
			[]string{`a=1 b=[1,2] c={"d":"x"}`},
		},
		"numbers as written": {
			[][]string{{`{"a":-0,"b":1E2,"c":-1.5e-3,"d":0}`}},
			[]string{"a long", "b double", "c double", "d long"},
			[]string{"a=0 b=100.0 c=-0.0015 d=0"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			for _, batch := range c.batches {
				r.span(bodies(batch...)...)
				r.once()
			}
			table := r.table("order")
			if got := columns(table.Schema); !reflect.DeepEqual(got, c.columns) {
				t.Errorf("columns:\n got  %s\n want %s", strings.Join(got, " | "), strings.Join(c.columns, " | "))
			}
			checkSchema(t, table.Schema)
			if got := r.rows(table); !reflect.DeepEqual(got, c.rows) {
				t.Errorf("rows:\n got  %s\n want %s", strings.Join(got, "\n      "), strings.Join(c.rows, "\n      "))
			}
		})
	}
}

// checkSchema holds what every schema must keep: ids are unique and at most
// LastID, names are unique in their struct.
func checkSchema(t *testing.T, s lake.Schema) {
	t.Helper()
	seen := map[lake.ColumnID]bool{}
	var walk func([]lake.Column)
	walk = func(cs []lake.Column) {
		names := map[string]bool{}
		for _, c := range cs {
			if c.ID < 1 || c.ID > s.LastID || seen[c.ID] {
				t.Errorf("column %s has id %d, last is %d", c.Name, c.ID, s.LastID)
			}
			if names[strings.ToLower(c.Name)] {
				t.Errorf("two columns named %s", c.Name)
			}
			if (c.Type == lake.TypeStruct || c.Type == lake.TypeList) && len(c.Fields) == 0 {
				t.Errorf("column %s has no field", c.Name)
			}
			seen[c.ID], names[strings.ToLower(c.Name)] = true, true
			walk(c.Fields)
		}
	}
	walk(s.Columns)
}

func TestConflictsAreCounted(t *testing.T) {
	r := newRig(t)
	r.span(bodies(`{"a":1,"o":{"b":1}}`)...)
	r.once()
	r.span(bodies(`{"a":"x"}`, `{"a":"y"}`, `{"o":{"b":"z"}}`, `{"a":2}`)...)
	if got := r.once(); got.Conflicts != 3 {
		t.Errorf("report %+v", got)
	}
	if got := r.table("order").Summary[curate.SummaryConflicts]; got != `{"a__string":2,"o.b__string":1}` {
		t.Errorf("summary %s", got)
	}
}
