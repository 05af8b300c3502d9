package transform_test

import (
	"bytes"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/transform"
)

var received = lake.InstantOf(time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC))

func scanner(t testing.TB, change func(*transform.Mapping)) *transform.Scanner {
	t.Helper()
	m := transform.DefaultMapping()
	if change != nil {
		change(&m)
	}
	tr, err := transform.New(m)
	if err != nil {
		t.Fatal(err)
	}
	return tr.Scanner()
}

const good = `{"event_uuid":"u1","event_name":"account:created","created_at":1772323200}`

// TestRefusals has what cannot be taken, by reason.
func TestRefusals(t *testing.T) {
	deep := func(n int) string {
		return `{"event_uuid":"u","event_name":"a:b","created_at":1772323200,"x":` + strings.Repeat("[", n) + strings.Repeat("]", n) + `}`
	}
	long := strings.Repeat("x", 257)
	tests := []struct {
		name, body string
		want       lake.Reason
		detail     string
	}{
		{"empty body", ``, lake.ReasonMalformed, "empty"},
		{"only white space", " \r\n\t", lake.ReasonMalformed, "empty"},
		{"byte order mark", "\xef\xbb\xbf" + good, lake.ReasonMalformed, "byte 0"},
		{"array", `[` + good + `]`, lake.ReasonMalformed, "object"},
		{"string", `"x"`, lake.ReasonMalformed, "object"},
		{"null", `null`, lake.ReasonMalformed, "object"},
		{"truncated string", good[:20], lake.ReasonMalformed, "byte 20: the body ends inside a string"},
		{"truncated object", good[:len(good)-1], lake.ReasonMalformed, "ends inside an object"},
		{"two objects", good + good, lake.ReasonMalformed, "behind the object"},
		{"trailing comma", `{"a":1,}`, lake.ReasonMalformed, "byte 7: no key"},
		{"trailing comma in an array", `{"a":[1,]}`, lake.ReasonMalformed, "byte 8: not a value"},
		{"no colon", `{"a" 1}`, lake.ReasonMalformed, "byte 5: no ':'"},
		{"key without quotes", `{a:1}`, lake.ReasonMalformed, "byte 1: no key"},
		{"NaN", `{"a":NaN}`, lake.ReasonMalformed, "byte 5: not a value"},
		{"Infinity", `{"a":-Infinity}`, lake.ReasonMalformed, "byte 5: not a number"},
		{"leading zero", `{"a":01}`, lake.ReasonMalformed, "byte 5"},
		{"point without digits", `{"a":1.}`, lake.ReasonMalformed, "byte 5"},
		{"exponent without digits", `{"a":1e+}`, lake.ReasonMalformed, "byte 5"},
		{"plus sign", `{"a":+1}`, lake.ReasonMalformed, "byte 5"},
		{"hex", `{"a":0x10}`, lake.ReasonMalformed, "byte 6"},
		{"cut literal", `{"a":tru}`, lake.ReasonMalformed, "byte 5"},
		{"comment", `{"a":1/**/}`, lake.ReasonMalformed, "byte 6"},
		{"invalid UTF-8", "{\"a\":\"x\xff\"}", lake.ReasonMalformed, "byte 7: invalid UTF-8"},
		{"overlong UTF-8", "{\"a\":\"\xc0\xaf\"}", lake.ReasonMalformed, "byte 6: invalid UTF-8"},
		{"surrogate in UTF-8", "{\"a\":\"\xed\xa0\x80\"}", lake.ReasonMalformed, "invalid UTF-8"},
		{"invalid UTF-8 behind an escape", "{\"a\":\"\\n\xff\"}", lake.ReasonMalformed, "byte 8: invalid UTF-8"},
		{"lone surrogate", `{"a":"\ud800"}`, lake.ReasonMalformed, "byte 6: a lone surrogate"},
		{"low surrogate first", `{"a":"\udc00\ud800"}`, lake.ReasonMalformed, "a lone surrogate"},
		{"unknown escape", `{"a":"\x41"}`, lake.ReasonMalformed, "byte 6: an escape"},
		{"short escape", `{"a":"\u12"}`, lake.ReasonMalformed, "byte 6: an escape"},
		{"line break in a string", "{\"a\":\"x\ny\"}", lake.ReasonMalformed, "byte 7: a control character"},
		{"NUL between tokens", "{\x00}", lake.ReasonMalformed, "byte 1"},
		{"key twice", `{"a":1,"b":2,"a":3}`, lake.ReasonDuplicate, `byte 13: key "a" is there twice`},
		{"key twice, once escaped", `{"abc":1,"\u0061bc":3}`, lake.ReasonDuplicate, "byte 9"},
		{"id twice", `{"event_uuid":"a","event_uuid":"b"}`, lake.ReasonDuplicate, "event_uuid"},
		{"too deep by one", deep(64), lake.ReasonTooDeep, "deeper"},
		{"far too deep", deep(100_000), lake.ReasonTooDeep, "deeper"},
		{"too large", `{"a":"` + strings.Repeat("x", lake.MaxEvent) + `"}`, lake.ReasonTooLarge, "the limit is 1048576"},
		{"id object", `{"event_uuid":{"a":1},"event_name":"a:b","created_at":1772323200}`, lake.ReasonBadID, "an object"},
		{"id array", `{"event_uuid":["a"],"event_name":"a:b","created_at":1772323200}`, lake.ReasonBadID, "an array"},
		{"id boolean", `{"event_uuid":true,"event_name":"a:b","created_at":1772323200}`, lake.ReasonBadID, "a boolean"},
		{"id float", `{"event_uuid":1.0,"event_name":"a:b","created_at":1772323200}`, lake.ReasonBadID, "fraction"},
		{"id with exponent", `{"event_uuid":1e3,"event_name":"a:b","created_at":1772323200}`, lake.ReasonBadID, "exponent"},
		{"id too long", `{"event_uuid":"` + long + `","event_name":"a:b","created_at":1772323200}`, lake.ReasonBadID, "256"},
		{"id too long a number", `{"event_uuid":1` + strings.Repeat("0", 256) + `,"event_name":"a:b","created_at":1772323200}`, lake.ReasonBadID, "256"},
		{"no name", `{"event_uuid":"u","created_at":1772323200}`, lake.ReasonNoName, "event_name"},
		{"null name", `{"event_uuid":"u","event_name":null,"created_at":1772323200}`, lake.ReasonNoName, "event_name"},
		{"name in other case", `{"event_uuid":"u","Event_Name":"a:b","created_at":1772323200}`, lake.ReasonNoName, ""},
		{"empty name", `{"event_uuid":"u","event_name":"","created_at":1772323200}`, lake.ReasonBadName, "empty"},
		{"name without type", `{"event_uuid":"u","event_name":":b","created_at":1772323200}`, lake.ReasonBadName, "no type"},
		{"number as name", `{"event_uuid":"u","event_name":7,"created_at":1772323200}`, lake.ReasonBadName, "a number"},
		{"boolean as name", `{"event_uuid":"u","event_name":false,"created_at":1772323200}`, lake.ReasonBadName, "a boolean"},
		{"name too long", `{"event_uuid":"u","event_name":"` + long + `","created_at":1772323200}`, lake.ReasonBadName, "256"},
		{"no time", `{"event_uuid":"u","event_name":"a:b"}`, lake.ReasonNoTime, "created_at"},
		{"null time", `{"event_uuid":"u","event_name":"a:b","created_at":null}`, lake.ReasonNoTime, ""},
		{"boolean as time", `{"event_uuid":"u","event_name":"a:b","created_at":true}`, lake.ReasonBadTime, "a boolean"},
		{"words as time", `{"event_uuid":"u","event_name":"a:b","created_at":"yesterday"}`, lake.ReasonBadTime, `the time "yesterday" is`},
		{"empty time", `{"event_uuid":"u","event_name":"a:b","created_at":""}`, lake.ReasonBadTime, `the time "" is`},
		{"30 February", `{"event_uuid":"u","event_name":"a:b","created_at":"2026-02-30T00:00:00Z"}`, lake.ReasonBadTime, "2026-02-30"},
		{"huge number as time", `{"event_uuid":"u","event_name":"a:b","created_at":1e400}`, lake.ReasonBadTime, "1e400"},
		{"huge integer as time", `{"event_uuid":"u","event_name":"a:b","created_at":99999999999999999999}`, lake.ReasonBadTime, ""},
		{"time in 1970", `{"event_uuid":"u","event_name":"a:b","created_at":0}`, lake.ReasonOutOfRange, "1970-01-01T00:00:00.000000Z is before"},
		{"time in 1969", `{"event_uuid":"u","event_name":"a:b","created_at":-1}`, lake.ReasonOutOfRange, "1969"},
		{"time in 2262", `{"event_uuid":"u","event_name":"a:b","created_at":9223372036854775807}`, lake.ReasonOutOfRange, "2262-04-11T23:47:16.854775Z is after"},
		{"time in 9999", `{"event_uuid":"u","event_name":"a:b","created_at":"9999-12-31T23:59:59Z"}`, lake.ReasonOutOfRange, "9999"},
		{"a day and a microsecond ahead", `{"event_uuid":"u","event_name":"a:b","created_at":"2026-06-02T12:00:00.000001Z"}`, lake.ReasonOutOfRange, "is after"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var row transform.Row
			refusal := scanner(t, nil).Scan("web", []byte(test.body), received, &row)
			if refusal == nil {
				t.Fatalf("accepted as %+v, want %s", row, test.want)
			}
			if refusal.Reason != test.want || !strings.Contains(refusal.Detail, test.detail) {
				t.Fatalf("refused as %q, want %s with %q", refusal, test.want, test.detail)
			}
			if len(refusal.Detail) > 200 {
				t.Fatalf("the detail has %d bytes: %s", len(refusal.Detail), refusal.Detail)
			}
			if row.ID == (lake.ID{}) {
				t.Fatal("no id to route by")
			}
		})
	}
}

// TestAccepted has what looks odd and is fine.
func TestAccepted(t *testing.T) {
	const rest = `"event_uuid":"u","event_name":"a:b","created_at":1772323200`
	for name, body := range map[string]string{
		"plain":                    good,
		"white space everywhere":   " \r\n\t{ \"event_uuid\" : \"u\" ,\n\n          \"event_name\":\t\"a:b\" , \"created_at\": 1772323200 } \n",
		"nested key twice":         `{` + rest + `,"x":{"a":1,"a":2}}`,
		"nested to the limit":      `{` + rest + `,"x":` + strings.Repeat("[", 63) + strings.Repeat("]", 63) + `}`,
		"empty key":                `{` + rest + `,"":1}`,
		"DEL and non-characters":   `{` + rest + ",\"x\":\"\x7f\uffff\\uFFFF\"}",
		"surrogate pair":           `{` + rest + `,"x":"\ud83d\ude00"}`,
		"all escapes":              `{` + rest + `,"x":"\"\\\/\b\f\n\r\t\u0000"}`,
		"huge numbers":             `{` + rest + `,"x":[1e999999999999999999999,-0,0.0,1E-5,123456789012345678901234567890.5]}`,
		"keys that differ in case": `{` + rest + `,"A":1,"a":2}`,
		"escaped mapped keys":      `{"event\u005fuuid":"u","\u0065vent_name":"a:b","created_a\u0074":"1772323200"}`,
		"a day ahead":              `{"event_uuid":"u","event_name":"a:b","created_at":"2026-06-02T12:00:00Z"}`,
		"first instant":            `{"event_uuid":"u","event_name":"a:b","created_at":"2000-01-01T00:00:00Z"}`,
	} {
		t.Run(name, func(t *testing.T) {
			var row transform.Row
			if refusal := scanner(t, nil).Scan("web", []byte(body), received, &row); refusal != nil {
				t.Fatal(refusal)
			}
		})
	}
}

func TestMappedNestedKeyTwiceIsRefused(t *testing.T) {
	s := scanner(t, func(m *transform.Mapping) { m.Time = transform.Path{"meta", "at"} })
	var row transform.Row
	body := `{"event_uuid":"u","event_name":"a:b","meta":{"at":1772323200,"at":1772323201}}`
	refusal := s.Scan("web", []byte(body), received, &row)
	if refusal == nil || refusal.Reason != lake.ReasonDuplicate {
		t.Fatalf("got %v", refusal)
	}
}

// TestManyKeys holds that a key that occurs twice is found among many.
func TestManyKeys(t *testing.T) {
	body := func(n int, last string) []byte {
		var b bytes.Buffer
		b.WriteString(good[:len(good)-1])
		for i := range n {
			fmt.Fprintf(&b, `,"k%d":%d`, i, i)
		}
		fmt.Fprintf(&b, `,"%s":0}`, last)
		return b.Bytes()
	}
	s := scanner(t, nil)
	var row transform.Row
	for range 3 { // sizes of the tables change between the events
		if refusal := s.Scan("web", body(10_000, "end"), received, &row); refusal != nil {
			t.Fatal(refusal)
		}
		if refusal := s.Scan("web", body(60_000, "end"), received, &row); refusal != nil {
			t.Fatal(refusal)
		}
		for _, twice := range []string{"k0", "k9999", `\u006b5000`} {
			if refusal := s.Scan("web", body(10_000, twice), received, &row); refusal == nil || refusal.Reason != lake.ReasonDuplicate {
				t.Fatalf("%s twice: %v", twice, refusal)
			}
		}
		if refusal := s.Scan("web", []byte(good), received, &row); refusal != nil {
			t.Fatal(refusal)
		}
	}
}

func TestScanAllocatesNothing(t *testing.T) {
	s := scanner(t, nil)
	body := []byte(`{"event_uuid":"5d0c9b1e-0000-4000-8000-000000000001","event_name":"payment:settled","created_at":"2026-03-01T08:15:30.123Z","user":{"id":1234,"tags":["a","b\n"]},"amount":12.50}`)
	var row transform.Row
	if n := testing.AllocsPerRun(100, func() {
		if refusal := s.Scan("web", body, received, &row); refusal != nil {
			t.Fatal(refusal)
		}
	}); n != 0 {
		t.Fatalf("%v allocations an event", n)
	}
}

// TestGoroutinesShareATransformer is for the race detector.
func TestGoroutinesShareATransformer(t *testing.T) {
	tr, err := transform.New(githubMapping(t))
	if err != nil {
		t.Fatal(err)
	}
	events := githubEvents(t)
	rows := make([][]lake.ID, 2)
	var wait sync.WaitGroup
	for g := range rows {
		wait.Go(func() {
			s := tr.Scanner()
			var row transform.Row
			for _, e := range events {
				if refusal := s.Scan(lake.DefaultSource, e, received, &row); refusal != nil {
					t.Error(refusal)
				}
				rows[g] = append(rows[g], row.ID)
			}
		})
	}
	wait.Wait()
	for i := range rows[0] {
		if rows[0][i] != rows[1][i] {
			t.Fatalf("event %d has two ids", i)
		}
	}
}
