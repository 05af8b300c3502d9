package transform_test

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/transform"
)

func TestNames(t *testing.T) {
	typeAndSubtype := func(m *transform.Mapping) {
		m.Name, m.Type, m.Subtype = nil, transform.Path{"type"}, transform.Path{"payload", "action"}
	}
	defaultType := func(m *transform.Mapping) { m.DefaultType, m.DefaultSubtype = "hit", "any" }
	hash := "_[0-9a-f]{8}"
	tests := []struct {
		name, members string
		change        func(*transform.Mapping)
		typ, subtype  string
		safe          string // pattern of type/subtype
	}{
		{"split at the first colon", `"event_name":"a:b:c"`, nil, "a", "b:c", "a/b_c" + hash},
		{"no subtype", `"event_name":"a"`, nil, "a", "none", "a/none"},
		{"empty subtype", `"event_name":"a:"`, nil, "a", "none", "a/none"},
		{"escaped", `"event_name":"\u0061\u003ab"`, nil, "a", "b", "a/b"},
		{"case is kept", `"event_name":"PushEvent:Opened"`, nil, "PushEvent", "Opened", "PushEvent/Opened"},
		{"climbing", `"event_name":"..:../../etc"`, nil, "..", "../../etc", "_." + hash + "/_._.._etc" + hash},
		{"NUL and percent", `"event_name":"a\u0000:%00"`, nil, "a\x00", "%00", "a_" + hash + "/_00" + hash},
		{"equals sign", `"event_name":"event_type=x:y"`, nil, "event_type=x", "y", "event_type_x" + hash + "/y"},
		{"blank", `"event_name":" : "`, nil, " ", " ", "_" + hash + "/_" + hash},
		{"two paths", `"type":"PushEvent","payload":{"x":[{"action":"no"}],"action":"opened"}`, typeAndSubtype, "PushEvent", "opened", "PushEvent/opened"},
		{"two paths, no subtype", `"type":"PushEvent","payload":{}`, typeAndSubtype, "PushEvent", "none", "PushEvent/none"},
		{"two paths, empty subtype", `"type":"PushEvent","payload":{"action":""}`, typeAndSubtype, "PushEvent", "none", "PushEvent/none"},
		{"the way ends at a scalar", `"type":"PushEvent","payload":"action"`, typeAndSubtype, "PushEvent", "none", "PushEvent/none"},
		{"default type", `"x":1`, defaultType, "hit", "any", "hit/any"},
		{"default type for null", `"event_name":null`, defaultType, "hit", "any", "hit/any"},
		{"longest", `"event_name":"` + strings.Repeat("x", 256) + `"`, nil, strings.Repeat("x", 256), "none", "x{55}" + hash + "/none"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := scanner(t, test.change)
			body := []byte(`{"event_uuid":"u","created_at":1772323200,` + test.members + `}`)
			var row transform.Row
			for range 2 { // the second time from memory
				if refusal := s.Scan("web", body, received, &row); refusal != nil {
					t.Fatal(refusal)
				}
				if string(row.Type) != test.typ || string(row.Subtype) != test.subtype {
					t.Fatalf("got %q, %q, want %q, %q", row.Type, row.Subtype, test.typ, test.subtype)
				}
				if got := row.Name.Type + "/" + row.Name.Subtype; !regexp.MustCompile("^" + test.safe + "$").MatchString(got) {
					t.Fatalf("path-safe: got %s, want %s", got, test.safe)
				}
			}
		})
	}
}

func TestBadSubtypeIsRefused(t *testing.T) {
	s := scanner(t, func(m *transform.Mapping) { m.Name, m.Type, m.Subtype = nil, transform.Path{"t"}, transform.Path{"s"} })
	for _, sub := range []string{`1`, `true`, `{}`, `[]`, `"` + strings.Repeat("x", 257) + `"`} {
		var row transform.Row
		refusal := s.Scan("web", []byte(`{"event_uuid":"u","created_at":1772323200,"t":"a","s":`+sub+`}`), received, &row)
		if refusal == nil || refusal.Reason != lake.ReasonBadName {
			t.Errorf("%s: %v", sub, refusal)
		}
	}
}

// TestSafeNamesStayApart holds that names that look alike in a path are two.
func TestSafeNamesStayApart(t *testing.T) {
	seen := map[string]string{}
	for _, name := range []string{"a_b", "a/b", "a b", "a:b", "a\\b", "a=b", "a%b", "", ".", "..", "_", "__", "-", strings.Repeat("x", 64), strings.Repeat("x", 65), strings.Repeat("x", 66)} {
		safe := transform.PathSafe(name)
		if other, twice := seen[safe]; twice {
			t.Errorf("%q and %q are both %q", name, other, safe)
		}
		seen[safe] = name
	}
}

// TestManyNames holds that more names than a scanner remembers come out right.
func TestManyNames(t *testing.T) {
	s := scanner(t, nil)
	var row transform.Row
	for range 2 {
		for i := range 10_000 {
			body := fmt.Sprintf(`{"event_uuid":"u","event_name":"type%d:sub/%d","created_at":1772323200}`, i, i)
			if refusal := s.Scan("web", []byte(body), received, &row); refusal != nil {
				t.Fatal(refusal)
			}
			want := lake.Name{Type: fmt.Sprintf("type%d", i), Subtype: transform.PathSafe(fmt.Sprintf("sub/%d", i))}
			if row.Name != want {
				t.Fatalf("got %v, want %v", row.Name, want)
			}
		}
	}
}
