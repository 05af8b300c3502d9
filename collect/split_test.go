package collect

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/serve/api"
)

func TestSplit(t *testing.T) {
	const limit = 4
	type want struct {
		code   api.Code
		pieces []string
	}
	ok := func(pieces ...string) want { return want{pieces: pieces} }
	fail := func(code api.Code) want { return want{code: code} }
	for _, c := range []struct {
		name string
		form form
		body string
		want want
	}{
		{"one object", formAny, ` {"a":1} `, ok(`{"a":1}`)},
		{"one object over several lines", formAny, "{\n \"a\": {\n}\n}\n", ok("{\n \"a\": {\n}\n}")},
		{"byte order mark", formAny, "\xef\xbb\xbf{\"a\":1}", ok(`{"a":1}`)},
		{"one broken object is one event", formAny, `{"a":NaN}`, ok(`{"a":NaN}`)},
		{"one scalar", formAny, `5`, ok(`5`)},
		{"one null", formAny, "null\n", ok(`null`)},
		{"lines under any type", formAny, "{\"a\":1}\n\n{\"a\":2}\r\n", ok(`{"a":1}`, `{"a":2}`)},
		{"broken first line keeps its neighbours", formAny, "{\"a\":\n{\"a\":2}\n", ok(`{"a":`, `{"a":2}`)},
		{"cut off object", formAny, `{"a":1`, fail(codeNotJSON)},
		{"cut off object over lines", formAny, "{\n  \"a\": [\n    {\"b\":1}\n", fail(codeNotJSON)},
		{"a word", formAny, `hello`, fail(codeNotJSON)},
		{"two words on lines", formAny, "hello\nworld", fail(codeNotJSON)},
		{"binary", formAny, "\x00\x01\xff", fail(codeNotJSON)},
		{"open string", formAny, `"abc`, fail(codeNotJSON)},
		{"nothing", formAny, ``, fail(codeEmpty)},
		{"blank", formAny, " \r\n\t\n", fail(codeEmpty)},
		{"blank lines", formLines, "\n\n  \n", fail(codeEmpty)},
		{"lines", formLines, "{\"a\":1}\n5\nhello\n", ok(`{"a":1}`, `5`, `hello`)},
		{"last line without newline", formLines, "1\n2", ok(`1`, `2`)},
		{"an array on a line is one event", formLines, "[1,2]", ok(`[1,2]`)},
		{"lines at the limit", formLines, "1\n2\n3\n4\n", ok("1", "2", "3", "4")},
		{"lines over the limit", formLines, "1\n2\n3\n4\n5", fail(codeTooMany)},
		{"array", formAny, ` [ {"a":1} , {"a":[2,{}]} ] `, ok(`{"a":1}`, `{"a":[2,{}]}`)},
		{"array of scalars", formAny, `[1,"a,]b",null]`, ok(`1`, `"a,]b"`, `null`)},
		{"array of arrays", formAny, `[[1,2],[]]`, ok(`[1,2]`, `[]`)},
		{"brackets in strings", formAny, `[{"a":"]}\"]\\"},{"b":"\\\\"}]`, ok(`{"a":"]}\"]\\"}`, `{"b":"\\\\"}`)},
		{"broken elements between good ones", formAny, `[{"a":1},{"a":NaN,},x{"a"},{"a":2}]`, ok(`{"a":1}`, `{"a":NaN,}`, `x{"a"}`, `{"a":2}`)},
		{"bracket of the wrong kind", formAny, `[{"a":1],{"a":2}]`, ok(`{"a":1]`, `{"a":2}`)},
		{"two values without a comma", formAny, `[{"a":1}{"a":2},{}]`, ok(`{"a":1}{"a":2}`, `{}`)},
		{"array at the limit", formAny, `[1,2,3,4]`, ok("1", "2", "3", "4")},
		{"array over the limit", formAny, `[1,2,3,4,5]`, fail(codeTooMany)},
		{"empty array", formAny, `[ ]`, fail(codeEmpty)},
		{"trailing comma", formAny, `[1,]`, fail(codeNotJSON)},
		{"double comma", formAny, `[1,,2]`, fail(codeNotJSON)},
		{"array cut in an element", formAny, `[{"a":1},{"a":`, fail(codeTruncated)},
		{"array cut in a string", formAny, `[{"a":1},"abc\"`, fail(codeTruncated)},
		{"array cut behind a backslash", formAny, `["abc\`, fail(codeTruncated)},
		{"array cut behind an element", formAny, `[{"a":1}`, fail(codeTruncated)},
		{"array cut behind a comma", formAny, `[{"a":1},`, fail(codeTruncated)},
		{"array never begun", formAny, `[`, fail(codeTruncated)},
		{"something behind the array", formAny, `[1] 2`, fail(codeNotJSON)},
		{"two arrays", formAny, "[1]\n[2]", fail(codeNotJSON)},
	} {
		t.Run(c.name, func(t *testing.T) {
			events, err := split([]byte(c.body), c.form, limit, nil)
			var e *api.Error
			if errors.As(err, &e) != (c.want.code != "") || e != nil && e.Code != c.want.code {
				t.Fatalf("error %v, want code %q", err, c.want.code)
			}
			if err == nil && fmt.Sprint(bodies(events)) != fmt.Sprint(c.want.pieces) {
				t.Errorf("pieces %q, want %q", bodies(events), c.want.pieces)
			}
		})
	}
}

func bodies(events []lake.Event) []string {
	var out []string
	for _, e := range events {
		out = append(out, string(e.Body))
	}
	return out
}

// FuzzSplit holds that split never panics, that its pieces lie in the body in
// order with nothing but separators between them, and that it agrees with a
// strict JSON reader on every valid array, object and NDJSON text.
func FuzzSplit(f *testing.F) {
	for _, seed := range []string{
		`{"a":1}`, `[{"a":1},{"b":"]\\\""}]`, "{\"a\":1}\n{\"b\":2}\n", `[1,"x",null,[[]],{}]`, `[`, `"`, "\\", "[\"\\", `[{"a":1],{}]`,
		"{\"a\":\"y}y{Y\"}", "\xef\xbb\xbf[1]", strings.Repeat("[", 100), "[" + strings.Repeat(`"aaaaaaaaaaaaaaaaaaaa",`, 9) + "1]",
	} {
		f.Add([]byte(seed), false)
		f.Add([]byte(seed), true)
	}
	f.Fuzz(func(t *testing.T, body []byte, lines bool) {
		kind := formAny
		if lines {
			kind = formLines
		}
		events, err := split(body, kind, 1000, nil)
		var e *api.Error
		if err != nil && !errors.As(err, &e) {
			t.Fatalf("error of another kind: %v", err)
		}
		checkCover(t, body, events, err)
		checkOracle(t, body, kind, events, err)
	})
}

// checkCover finds each piece in the body behind the one before it.
func checkCover(t *testing.T, body []byte, events []lake.Event, err error) {
	rest := body
	for i, e := range events {
		if len(e.Body) == 0 || isSpace(e.Body[0]) || isSpace(e.Body[len(e.Body)-1]) {
			t.Fatalf("piece %d is %q", i, e.Body)
		}
		at := cap(rest) - cap(e.Body) // the piece is a part of the same array
		if at < 0 || at > len(rest) {
			t.Fatalf("piece %d %q lies outside of %q", i, e.Body, rest)
		}
		if gap := bytes.Trim(bytes.TrimPrefix(rest[:at], []byte("\xef\xbb\xbf")), " \t\r\n[,"); len(gap) > 0 {
			t.Fatalf("%q was lost before piece %d", gap, i)
		}
		rest = rest[at+len(e.Body):]
	}
	if tail := bytes.Trim(rest, " \t\r\n]"); err == nil && len(tail) > 0 {
		t.Fatalf("%q was lost at the end", tail)
	}
}

func checkOracle(t *testing.T, body []byte, kind form, events []lake.Event, err error) {
	dec := jsontext.NewDecoder(bytes.NewReader(body), jsontext.AllowDuplicateNames(true))
	whole, derr := dec.ReadValue()
	if kind == formLines || derr != nil || len(trim(body[dec.InputOffset():])) > 0 {
		return
	}
	var want []json.RawMessage
	switch whole.Kind() {
	case '[':
		if uerr := json.Unmarshal(whole, &want); uerr != nil {
			return // deeper than encoding/json goes
		}
	default:
		want = []json.RawMessage{json.RawMessage(whole)}
	}
	switch {
	case len(want) == 0 || len(want) > 1000:
		if err == nil {
			t.Fatalf("%d elements were taken", len(want))
		}
		return
	case err != nil:
		t.Fatalf("valid JSON refused: %v", err)
	case len(want) != len(events):
		t.Fatalf("%d pieces of %d elements", len(events), len(want))
	}
	for i := range want {
		if !bytes.Equal(trim(want[i]), events[i].Body) {
			t.Fatalf("piece %d is %q, want %q", i, events[i].Body, want[i])
		}
	}
}

func BenchmarkSplit(b *testing.B) {
	event := []byte(`{"event_uuid":"0190a5c2-7e1b-7c3d-9f00-0123456789ab","event_name":"lesson:started","created_at":1750000000123,"user":{"id":123456,"country":"DE","plan":"family"},"tags":["a","b","c"],"amount":12.5,"title":"` + strings.Repeat("some words ", 25) + `"}`)
	const n = 100
	array := append(append([]byte("["), bytes.Join(slicesOf(event, n), []byte(","))...), ']')
	lines := bytes.Join(slicesOf(event, n), []byte("\n"))
	for _, c := range []struct {
		name string
		body []byte
		form form
	}{{"array", array, formAny}, {"lines", lines, formLines}, {"lines under any type", lines, formAny}} {
		b.Run(c.name, func(b *testing.B) {
			b.SetBytes(int64(len(c.body)))
			b.ReportAllocs()
			events := make([]lake.Event, 0, n)
			for b.Loop() {
				var err error
				if events, err = split(c.body, c.form, n, events[:0]); err != nil || len(events) != n {
					b.Fatal(err, len(events))
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*n), "ns/event")
		})
	}
}

func slicesOf(p []byte, n int) [][]byte {
	out := make([][]byte, n)
	for i := range out {
		out[i] = p
	}
	return out
}
