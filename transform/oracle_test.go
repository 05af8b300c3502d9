package transform_test

import (
	"math/rand/v2"
	"testing"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/transform"
)

// TestScanAgreesWithTheOracle puts pieces of JSON together, mostly well, and
// compares what is sound. It finds what byte-wise fuzzing seldom makes.
func TestScanAgreesWithTheOracle(t *testing.T) {
	const seed, runs = 20260301, 150_000
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 0))
	m := transform.DefaultMapping()
	m.MaxDepth = 5
	tr, err := transform.New(m)
	if err != nil {
		t.Fatal(err)
	}
	s := tr.Scanner()
	var row transform.Row
	var body []byte
	sound, accepted := 0, 0
	for range runs {
		body = appendValue(body[:0], rnd, 0)
		for rnd.IntN(3) == 0 && len(body) > 0 { // damage
			i := rnd.IntN(len(body))
			switch rnd.IntN(4) {
			case 0:
				body = append(body[:i], body[i+1:]...)
			case 1:
				body[i] = oddBytes[rnd.IntN(len(oddBytes))]
			case 2:
				body = body[:i]
			default:
				body = append(body, pieces[rnd.IntN(len(pieces))]...)
			}
		}
		refusal := s.Scan("web", body, received, &row)
		want := oracle(body)
		if want.valid {
			sound++
		}
		structural := refusal != nil && (refusal.Reason == lake.ReasonMalformed || refusal.Reason == lake.ReasonTooDeep || refusal.Reason == lake.ReasonDuplicate)
		if structural == (want.valid && !want.twice && want.depth <= m.MaxDepth) {
			t.Fatalf("%q: %v, the oracle says %+v", body, refusal, want)
		}
		if refusal == nil {
			accepted++
		}
		if !structural {
			sameWrittenAnew(t, s, body, refusal, &row)
		}
	}
	if sound < runs/10 || accepted < runs/100 {
		t.Fatalf("only %d of %d bodies were sound, %d accepted: the test has no teeth", sound, runs, accepted)
	}
}

const oddBytes = "{}[]\":,\\ \t\n\x00\x1f\x7f\x80\xc3\xed\xff09-+.eEutfn"

// pieces are scalars, and some that are none.
var pieces = []string{
	"0", "-0", "1", "17", "-1.50", "1e5", "1E-05", "0.000", "123456789012345678901234567890", "1234567890123456789.0", "100e-2", "9999999999999999999", "18446744073709551616", "1e400", "0e0", "1e+00010",
	`""`, `"a"`, `"1234567"`, `"12345678"`, `"123456789"`, `"\u0061\n\"\\\/"`, `"é日本\ud83d\ude00"`, "\"\u2028\U0010ffff\"", `"<&>"`,
	"true", "false", "null", "{}", "[]", " ", "\n",
	"01", "1.", "+1", ".5", "1e", "-", "nul", "NaN", `"\ud800"`, `"\x"`, "\"\xff\"", "\"\t\"", "'a'",
}

const soundPieces = 30 // of pieces

var members = []string{
	`"event_uuid":"u1"`, `"event_uuid":17`, `"event_name":"a:b"`, `"created_at":1772323200.25`, `"created_at":"2026-03-01 00:00:00+01"`, `"event\u005fuuid":null`,
	`"x":1`, `"y":[1,{"z":2}]`, `"source":1`, `"lake_shard":1`, `"\u006cake_shard":2`, `"":0`, `"日本":1`,
}

func appendValue(b []byte, rnd *rand.Rand, depth int) []byte {
	if depth > 6 || depth > 0 && rnd.IntN(2) == 0 {
		n := soundPieces
		if rnd.IntN(40) == 0 {
			n = len(pieces)
		}
		return append(b, pieces[rnd.IntN(n)]...)
	}
	if depth > 0 && rnd.IntN(2) == 0 {
		b = append(b, '[')
		for i := range rnd.IntN(4) {
			if i > 0 {
				b = append(b, ',')
			}
			b = appendValue(b, rnd, depth+1)
		}
		return append(b, ']')
	}
	b = append(b, '{')
	order := rnd.Perm(len(members))
	for i := range rnd.IntN(9) {
		if i > 0 {
			b = append(b, " ,"[rnd.IntN(2):]...)
		}
		if i < 6 {
			b = append(b, members[order[i]]...)
			continue
		}
		b = append(b, '"', byte('m'+rnd.IntN(4)), '"', ' ', ':')
		b = appendValue(b, rnd, depth+1)
	}
	return append(b, '}')
}
