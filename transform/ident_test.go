package transform_test

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/zeebo/xxh3"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/transform"
)

func mustScan(t *testing.T, source lake.SourceID, body string) transform.Row {
	t.Helper()
	var row transform.Row
	if refusal := scanner(t, nil).Scan(source, []byte(body), received, &row); refusal != nil {
		t.Fatalf("%s: %v", body, refusal)
	}
	return row
}

func withID(id string) string {
	return `{"event_uuid":` + id + `,"event_name":"a:b","created_at":1772323200}`
}

func TestIDIsTheHashOfSourceAndText(t *testing.T) {
	want := lake.ID(xxh3.HashString128("web\x00u1").Bytes())
	if got := mustScan(t, "web", withID(`"u1"`)); got.ID != want || got.Weak {
		t.Fatalf("got %+v, want %s", got, want)
	}
	same := [][2]string{{`17`, `"17"`}, {`-0`, `"0"`}, {`"a"`, `"\u0061"`}, {`12345678901234567890123`, `"12345678901234567890123"`}}
	for _, s := range same {
		if a, b := mustScan(t, "web", withID(s[0])), mustScan(t, "web", withID(s[1])); a.ID != b.ID {
			t.Errorf("%s and %s are two ids", s[0], s[1])
		}
	}
	if a, b := mustScan(t, "web", withID(`"x"`)), mustScan(t, "app", withID(`"x"`)); a.ID == b.ID {
		t.Error("two sources share an id")
	}
	if a := mustScan(t, "web", withID(`"`+strings.Repeat("x", 256)+`"`)); a.Weak {
		t.Error("an id of 256 bytes is weak")
	}
}

// TestWeakID holds the canonical form: what it does not distinguish, and what
// it does.
func TestWeakID(t *testing.T) {
	form := func(members string) string { return `{"event_name":"a:b","created_at":1772323200,` + members + `}` }
	base := mustScan(t, "web", form(`"x":{"n":100,"s":"é\"\n","l":[1,{"b":2,"a":[]}],"":null}`))
	if !base.Weak {
		t.Fatal("not weak")
	}
	canonical := `{"created_at":17723232e2,"event_name":"a:b","x":{"":null,"l":[1,{"a":[],"b":2}],"n":1e2,"s":"é\"\u000a"}}`
	if want := lake.ID(xxh3.HashString128("web\x01" + canonical).Bytes()); base.ID != want {
		t.Fatalf("got %s, want %s", base.ID, want)
	}
	for _, same := range []string{
		`"x": { "s":"\u00e9\u0022\n", "n":1e2, "":null, "l" : [1.0, {"a":[ ],"b":200e-2}]}`,
		`"x":{"l":[1,{"b":2,"a":[]}],"n":1.00E+2,"s":"é\"\u000A","":null}`,
	} {
		if got := mustScan(t, "web", form(same)); got.ID != base.ID || got.Fingerprint != base.Fingerprint {
			t.Errorf("%s is another event: %s %x, %s %x", same, got.ID, got.Fingerprint, base.ID, base.Fingerprint)
		}
	}
	for _, other := range []string{
		`"x":{"n":100,"s":"é\"\n","l":[{"b":2,"a":[]},1],"":null}`,
		`"x":{"n":"100","s":"é\"\n","l":[1,{"b":2,"a":[]}],"":null}`,
		`"x":{"n":-100,"s":"é\"\n","l":[1,{"b":2,"a":[]}],"":null}`,
		`"x":{"n":100,"s":"é\"\n","l":[1,{"b":2,"a":{}}],"":null}`,
		`"x":{"n":100,"s":"é\"\n","l":[1,{"b":2,"a":[]}],"":false}`,
		`"x":{"n":100,"s":"e\"\n","l":[1,{"b":2,"a":[]}],"":null}`,
	} {
		if got := mustScan(t, "web", form(other)); got.ID == base.ID || got.Fingerprint == base.Fingerprint {
			t.Errorf("%s is the same event", other)
		}
	}
	for _, none := range []string{`null`, `""`} {
		if got := mustScan(t, "web", withID(none)); !got.Weak {
			t.Errorf("id %s is not weak", none)
		}
	}
}

func TestFingerprintIgnoresHowABodyIsWritten(t *testing.T) {
	tr, err := transform.New(githubMapping(t))
	if err != nil {
		t.Fatal(err)
	}
	s := tr.Scanner()
	seen := map[uint32]string{}
	for i, e := range githubEvents(t) {
		var a, b transform.Row
		if refusal := s.Scan("web", e, received, &a); refusal != nil {
			t.Fatal(refusal)
		}
		var tree map[string]any
		d := json.NewDecoder(strings.NewReader(string(e)))
		d.UseNumber()
		if err := d.Decode(&tree); err != nil {
			t.Fatal(err)
		}
		again, err := json.MarshalIndent(tree, "", "    ") // sorts keys, escapes < and >
		if err != nil {
			t.Fatal(err)
		}
		if refusal := s.Scan("web", again, received, &b); refusal != nil {
			t.Fatal(refusal)
		}
		if a.Fingerprint != b.Fingerprint || a.ID != b.ID {
			t.Fatalf("event %d: %x %s, written anew %x %s", i, a.Fingerprint, a.ID, b.Fingerprint, b.ID)
		}
		if other, twice := seen[a.Fingerprint]; twice {
			t.Errorf("events %s and %s have one fingerprint", other, a.ID)
		}
		seen[a.Fingerprint] = a.ID.String()
	}
}

// TestFingerprintIgnoresHowANumberIsWritten compares the ways to write numbers
// of every length.
func TestFingerprintIgnoresHowANumberIsWritten(t *testing.T) {
	const digits = "1234567891234567891234567"
	of := func(number string) uint32 {
		return mustScan(t, "web", `{"event_uuid":"u","event_name":"a:b","created_at":1772323200,"x":[`+number+`]}`).Fingerprint
	}
	seen := map[uint32]string{}
	for n := 1; n <= len(digits); n++ {
		whole := digits[:n]
		want := of(whole)
		for _, same := range []string{whole + ".0", whole + "e0", whole + "0e-1", whole + ".000E+00", "0." + whole + "e" + strconv.Itoa(n), whole[:1] + "." + whole[1:] + "0e" + strconv.Itoa(n-1)} {
			if of(same) != want {
				t.Errorf("%s and %s have two fingerprints", whole, same)
			}
		}
		part := "0." + whole
		for _, same := range []string{part + "0", part + "e0", whole + "e-" + strconv.Itoa(n)} {
			if of(same) != of(part) {
				t.Errorf("%s and %s have two fingerprints", part, same)
			}
		}
		for _, number := range []string{whole, "-" + whole, part, "-" + part} {
			if other, twice := seen[of(number)]; twice && other != number {
				t.Errorf("%s and %s have one fingerprint", number, other)
			}
			seen[of(number)] = number
		}
	}
}

func TestFingerprintTellsContentApart(t *testing.T) {
	seen := map[uint32]string{}
	for _, x := range []string{
		`0`, `1`, `-1`, `10`, `0.1`, `1e1000`, `1e1001`, `1e-1000`, `12345678901234567890123`, `12345678901234567890124`, `-12345678901234567890123`,
		`"0"`, `""`, `"a"`, `"b"`, `"ab"`, `"aaaaaaaa"`, `"aaaaaaaaa"`, `"aaaaaaaaaaaaaaaa"`, `"a\u0000"`, `true`, `false`, `null`, `[]`, `{}`, `[[]]`, `[{}]`, `{"a":{}}`,
		`[1,2]`, `[2,1]`, `[[1],2]`, `{"a":1,"b":2}`, `{"a":2,"b":1}`, `{"a":"b"}`, `{"b":"a"}`, `[null]`, `[null,null]`, `[true,false]`, `{"a":{"b":1},"c":2}`, `{"a":{"c":2},"b":1}`,
	} {
		row := mustScan(t, "web", `{"event_uuid":"u","event_name":"a:b","created_at":1772323200,"x":`+x+`}`)
		if other, twice := seen[row.Fingerprint]; twice {
			t.Errorf("%s and %s have one fingerprint", x, other)
		}
		seen[row.Fingerprint] = x
	}
}

// TestRefusedCopiesTravelTogether holds the id of a refused event.
func TestRefusedCopiesTravelTogether(t *testing.T) {
	good := mustScan(t, "web", withID(`"u1"`))
	tests := []struct {
		name, body string
		own        bool // the event's id, not one of its bytes
	}{
		{"bad time behind the id", `{"event_uuid":"u1","event_name":"a:b","created_at":"no"}`, true},
		{"bad name", `{"event_uuid":"u1","event_name":7,"created_at":1772323200}`, true},
		{"cut behind the id", `{"event_uuid":"u1","event_na`, true},
		{"cut before the id", `{"event_name":"a:b","event_uuid":"u1`, false},
		{"other key twice", `{"event_uuid":"u1","a":1,"a":2}`, true},
		{"id twice", `{"event_uuid":"u1","event_uuid":"u1","event_name":"a:b"}`, false},
		{"bad id", `{"event_uuid":[],"event_name":"a:b"}`, false},
		{"no JSON", `u1`, false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var row, again transform.Row
			s := scanner(t, nil)
			if s.Scan("web", []byte(test.body), received, &row) == nil || s.Scan("web", []byte(test.body), received+1, &again) == nil {
				t.Fatal("accepted")
			}
			want := transform.RouteID("web", []byte(test.body))
			if test.own {
				want = good.ID
			}
			if row.ID != want || again.ID != want {
				t.Fatalf("got %s and %s, want %s", row.ID, again.ID, want)
			}
		})
	}
	if transform.RouteID("a", []byte("x")) == transform.RouteID("b", []byte("x")) {
		t.Error("two sources share a route id")
	}
}

func TestTaken(t *testing.T) {
	bit := map[string]uint16{}
	for i, k := range transform.Keys() {
		bit[k] = 1 << i
	}
	for members, want := range map[string]uint16{
		`"x":1`:                     0,
		`"source":1`:                bit["source"],
		`"lake_source":1`:           bit["source"],
		`"lake_lake_source":1`:      bit["source"],
		`"\u006cake_source":1`:      bit["source"],
		`"l\u0061ke_sourc\u0065":1`: bit["source"],
		`"\u0073ource":1`:           bit["source"],
		`"Source":1,"sources":2,"x":{"source":1}`:    0,
		`"lake_":1,"lake_x":1,"lake_sources":1`:      0,
		`"event_id":1,"weak_id":2,"received_at":"x"`: bit["event_id"] | bit["weak_id"] | bit["received_at"],
	} {
		row := mustScan(t, "web", fmt.Sprintf(`{"event_uuid":"u","event_name":"a:b","created_at":1772323200,%s}`, members))
		if row.Taken != want {
			t.Errorf("%s: taken %b, want %b", members, row.Taken, want)
		}
	}
	all := make([]string, 0, 9)
	for _, k := range transform.Keys() {
		all = append(all, `"`+k+`":0`)
	}
	if row := mustScan(t, "web", withID(`"u"`)[:len(withID(`"u"`))-1]+","+strings.Join(all, ",")+"}"); row.Taken != 1<<9-1 {
		t.Errorf("all: taken %b", row.Taken)
	}
}
