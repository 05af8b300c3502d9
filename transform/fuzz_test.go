package transform_test

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/transform"
)

// verdict is what the oracle says about the structure of a body.
type verdict struct {
	valid bool // one JSON object
	twice bool // with a top-level key that occurs twice
	depth int
}

func oracle(body []byte) (v verdict) {
	d := jsontext.NewDecoder(bytes.NewReader(body), jsontext.AllowDuplicateNames(true))
	if d.PeekKind() != '{' {
		return v
	}
	seen := map[string]bool{}
	for {
		if d.StackDepth() == 1 {
			if kind, n := d.StackIndex(1); kind == '{' && n%2 == 0 && d.PeekKind() == '"' {
				key, err := d.ReadToken()
				if err != nil {
					return v
				}
				if seen[key.String()] {
					v.twice = true
				}
				seen[key.String()] = true
				continue
			}
		}
		if _, err := d.ReadToken(); errors.Is(err, io.EOF) && d.StackDepth() == 0 {
			v.valid = true
			return v
		} else if err != nil {
			return v
		}
		v.depth = max(v.depth, d.StackDepth())
		if d.StackDepth() == 0 && d.PeekKind() != 0 {
			return v // a second value
		}
	}
}

// FuzzScan compares with jsontext, the strictest reader known, what is a sound
// body, and holds that rows are pure and depend only on what a body says.
func FuzzScan(f *testing.F) {
	for _, seed := range []string{
		good, `{}`, ` { "a" : [ 1 , -2.5e+10 , "x\u00e9\ud83d\ude00" , null , true ] } `, `{"a":1,"\u0061":2}`,
		`{"x":{"a":1,"a":2}}`, `{"a":"` + "\xff" + `"}`, `{"a":"\ud800"}`, `{"a":01}`, `{"a":1}{}`, `[1]`, "{\"event_uuid\":null,\"event_name\":\"a:b\",\"created_at\":\"2026-01-01T00:00:00Z\",\"é\":\"日本語 text\"}",
		`{"event_name":"a:b","created_at":1772323200.5,"z":1,"a":{"c":1e2,"b":[]}}`,
	} {
		f.Add([]byte(seed))
	}
	for _, e := range excerpt(f) {
		f.Add(e)
	}
	m := transform.DefaultMapping()
	m.MaxDepth = 8
	tr, err := transform.New(m)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		s := tr.Scanner()
		var row transform.Row
		refusal := s.Scan("web", body, received, &row)
		want := oracle(body)
		switch {
		case refusal != nil && refusal.Reason == lake.ReasonMalformed:
			if want.valid && want.depth <= m.MaxDepth && !want.twice {
				t.Fatalf("refused what is sound: %v", refusal)
			}
		case refusal != nil && refusal.Reason == lake.ReasonTooDeep:
			if want.valid && want.depth <= m.MaxDepth {
				t.Fatalf("too deep, but the depth is %d", want.depth)
			}
		case refusal != nil && refusal.Reason == lake.ReasonDuplicate:
			if !want.twice {
				t.Fatalf("no key is there twice: %v", refusal)
			}
		default:
			if !want.valid || want.twice || want.depth > m.MaxDepth {
				t.Fatalf("accepted as %v, the oracle says %+v", refusal, want)
			}
			sameWrittenAnew(t, s, body, refusal, &row)
			if refusal == nil {
				sameRecalled(t, tr.Scanner(), body, &row)
			}
		}
		if row.ID == (lake.ID{}) {
			t.Fatal("no id")
		}
	})
}

// sameWrittenAnew holds that a sound body gives the same row when another
// program has parsed it and written it again.
func sameWrittenAnew(t *testing.T, s *transform.Scanner, body []byte, refusal *lake.Refusal, row *transform.Row) {
	kept := *row
	v := jsontext.Value(bytes.Clone(body))
	if err := v.Format(jsontext.AllowDuplicateNames(true), jsontext.Multiline(true), jsontext.SpaceAfterColon(true), jsontext.EscapeForHTML(true)); err != nil {
		t.Fatal(err)
	}
	var again transform.Row
	if other := s.Scan("web", v, received, &again); (other == nil) != (refusal == nil) || other != nil && other.Reason != refusal.Reason {
		t.Fatalf("%v, written anew %v", refusal, other)
	}
	if refusal != nil {
		return
	}
	if !sameRow(&again, &kept) {
		t.Fatalf("%+v, written anew %+v", kept, again)
	}
}

func sameRow(a, b *transform.Row) bool {
	return a.ID == b.ID && a.Fingerprint == b.Fingerprint && a.Weak == b.Weak && a.Created == b.Created && a.Taken == b.Taken &&
		a.Name == b.Name && bytes.Equal(a.Type, b.Type) && bytes.Equal(a.Subtype, b.Subtype)
}

// FuzzTime compares ParseTime with the standard library.
func FuzzTime(f *testing.F) {
	for _, seed := range []string{
		"2021-07-21T09:00:04Z", "2021-07-21t09:00:04.123456789z", "2021-07-21 11:00:04+02:00", "2021-07-21T09:00:04", "2021-07-21T09:00:04.5-0730", "2016-12-31T23:59:60Z",
		"2000-02-29T00:00:00+14", "1900-02-29T00:00:00Z", "0000-01-01T00:00:00Z", "9999-12-31T23:59:59.999999999-23:59", "1969-12-31T23:59:59.999999999Z", "2021-07-21T24:00:00Z", "2021-07-21T09:00:04.Z",
		"2021-07-21", "2021-02-29", "0000-02-29", "2021-07-21T09:00", "2021-07-21 09:00", "2021-07-21t09:00z", "2021-07-21 11:00+0200", "2021-07-21T09:00-11", "2021-07-21Z", "2021-07-21T09:00.5", "2021-07-21T09:00:4", "2021-07-21  09:00",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got, ok := transform.ParseTime([]byte(text))
		want, known := libraryTime(text)
		if ok != known || ok && got != want {
			t.Fatalf("%q: got %s %v, want %s %v", text, got, ok, want, known)
		}
	})
}

// libraryTime is ParseTime by the standard library: the formats of our own
// brought into the one that it reads.
func libraryTime(text string) (lake.Instant, bool) {
	if len(text) == 10 {
		day, err := time.Parse(time.DateOnly, text)
		return lake.InstantOf(day), err == nil
	}
	if len(text) < 16 || strings.ContainsRune(text, ',') {
		return 0, false
	}
	b := []byte(text)
	if len(b) == 16 || b[16] != ':' { // no seconds
		b = []byte(text[:16] + ":00" + text[16:])
		if len(b) > 19 && b[19] == '.' {
			return 0, false
		}
	}
	if len(b) < 19 {
		return 0, false
	}
	if b[10] == ' ' || b[10] == 't' {
		b[10] = 'T'
	}
	leap := string(b[17:19]) == "60"
	if leap {
		copy(b[17:], "59")
	}
	var head []byte
	zone := b[19:]
	if i := bytes.IndexAny(zone, "+-zZ"); i >= 0 {
		head, zone = b[:19+i], zone[i:]
	} else {
		head, zone = b, nil
	}
	switch n := len(zone); {
	case n == 0 || n == 1 && zone[0] == 'z':
		zone = []byte("Z")
	case n == 3 && zone[0] != 'Z':
		zone = append(bytes.Clone(zone), ":00"...)
	case n == 5 && zone[0] != 'Z':
		zone = []byte(string(zone[:3]) + ":" + string(zone[3:]))
	}
	if len(zone) == 6 && (string(zone[1:3]) > "23" || string(zone[4:]) > "59") {
		return 0, false // the library takes 24:60
	}
	t, err := time.Parse(time.RFC3339Nano, string(head)+string(zone))
	if err != nil || len(head) > 19 && head[19] != '.' {
		return 0, false
	}
	if leap {
		t = t.Add(time.Second)
		u := t.UTC()
		if u.Hour() != 0 || u.Minute() != 0 || u.Second() != 0 {
			return 0, false
		}
	}
	return lake.InstantOf(t), true
}

// FuzzName holds that a name in a path is safe there, whatever it was.
func FuzzName(f *testing.F) {
	for _, seed := range []string{"account", "", ".", "..", "../../etc", "a/b", "a_b", "a=b", "a%00b", "\x00", "-rf", ".hidden", "日本語", strings.Repeat("x", 65), strings.Repeat("é", 100), "\xff"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, name string) {
		safe := transform.PathSafe(name)
		if !isPathSafe(safe) {
			t.Fatalf("%q became %q", name, safe)
		}
		if transform.PathSafe(name) != safe {
			t.Fatalf("%q: not pure", name)
		}
		if isPathSafe(name) != (safe == name) {
			t.Fatalf("%q became %q", name, safe)
		}
		if transform.PathSafe(safe) != safe {
			t.Fatalf("%q became %q and does not stay so", name, safe)
		}
	})
}

func isPathSafe(s string) bool {
	const first = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_"
	return s != "" && len(s) <= 64 && strings.Contains(first, s[:1]) && strings.Trim(s, first+".-") == "" && strings.IndexFunc(s, func(r rune) bool {
		return !strings.ContainsRune(first+".-", r)
	}) < 0
}
