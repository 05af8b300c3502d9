package transform_test

import (
	"math"
	"testing"
	"time"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/transform"
)

// TestTimes reads every accepted way to write a time.
func TestTimes(t *testing.T) {
	at := time.Date(2021, 7, 21, 9, 0, 4, 0, time.UTC)
	micro := time.Microsecond
	s := scanner(t, func(m *transform.Mapping) { m.Earliest, m.Future = math.MinInt64, math.MaxInt64 })
	for text, want := range map[string]time.Time{
		`1626858004`:                           at,
		`1626858004000`:                        at,
		`1626858004000000`:                     at,
		`1626858004000000000`:                  at,
		`"1626858004"`:                         at,
		`"1626858004123"`:                      at.Add(123 * time.Millisecond),
		`"\u0031626858004"`:                    at,
		`"1.62685800\u0034123E9"`:              at.Add(123 * time.Millisecond),
		`"1626858004.123456000\u003000000000"`: at.Add(123456 * micro),
		`1626858004.123`:                       at.Add(123 * time.Millisecond),
		`1626858004.123456`:                    at.Add(123456 * micro),
		`1626858004.123456999`:                 at.Add(123456 * micro),
		`1626858004.1234560000000000000000001`: at.Add(123456 * micro),
		`"1626858004.123456"`:                  at.Add(123456 * micro),
		`1.626858004123E9`:                     at.Add(123 * time.Millisecond),
		`1.626858004123456e+12`:                at.Add(123456 * micro),
		`16268580041234567e-7`:                 at.Add(123456 * micro),
		`1626858004123.5`:                      at.Add(123500 * micro),
		`1626858004123456.5`:                   at.Add(123456 * micro),
		`1626858004123456789`:                  at.Add(123456 * micro),
		`0`:                                    time.Unix(0, 0),
		`-0.0`:                                 time.Unix(0, 0),
		`1e-999999999999999999`:                time.Unix(0, 0),
		`-1`:                                   time.Unix(-1, 0),
		`-0.0000001`:                           time.UnixMicro(-1),
		`-1626858004.5`:                        time.Unix(-1626858005, 5e8),
		`-1626858004000000001`:                 time.UnixMicro(-1626858004000001),
		`99999999999`:                          time.Unix(99999999999, 0),
		`100000000000`:                         time.UnixMilli(100000000000),
		`9223372036854775807`:                  time.UnixMicro(9223372036854775),
		`"2021-07-21T09:00:04Z"`:               at,
		`"2021-07-21t09:00:04z"`:               at,
		`"2021-07-21 09:00:04"`:                at,
		`"2021-07-21T09:00:04"`:                at,
		`"2021-07-21"`:                         at.Truncate(24 * time.Hour),
		`"1969-12-31"`:                         time.Unix(-86400, 0),
		`"2021-07-21T09:00"`:                   at.Truncate(time.Minute),
		`"2021-07-21 09:00"`:                   at.Truncate(time.Minute),
		`"2021-07-21t09:00z"`:                  at.Truncate(time.Minute),
		`"2021-07-21T11:00+02:00"`:             at.Truncate(time.Minute),
		`"2021-07-20 22:00-1100"`:              at.Truncate(time.Minute),
		`"2021-07-21 11:00+02"`:                at.Truncate(time.Minute),
		`"2021-07-21\u002009:00"`:              at.Truncate(time.Minute),
		`"2021-07-21T09:00:04.5"`:              at.Add(500 * time.Millisecond),
		`"2021-07-21T09:00:04.123456789Z"`:     at.Add(123456 * micro),
		`"2021-07-21T11:00:04+02:00"`:          at,
		`"2021-07-21T11:00:04+0200"`:           at,
		`"2021-07-21 11:00:04+02"`:             at,
		`"2021-07-20T21:30:04.000-11:30"`:      at,
		`"2021-07-21T09:00:04-00:00"`:          at,
		`"2021-07-21T09\u003a00:04Z"`:          at,
		`"2016-12-31T23:59:60Z"`:               time.Date(2017, 1, 1, 0, 0, 0, 0, time.UTC),
		`"2016-12-31T18:59:60.25-05:00"`:       time.Date(2017, 1, 1, 0, 0, 0, 25e7, time.UTC),
		`"1969-12-31T23:59:59.999999999Z"`:     time.UnixMicro(-1),
		`"0000-02-29T00:00:00Z"`:               time.Date(0, 2, 29, 0, 0, 0, 0, time.UTC),
		`"2262-04-11T23:47:16.854775807Z"`:     time.UnixMicro(9223372036854775),
		`"9999-12-31T23:59:59Z"`:               time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC),
	} {
		var row transform.Row
		body := `{"event_uuid":"u","event_name":"a:b","created_at":` + text + `}`
		if refusal := s.Scan("web", []byte(body), 1<<60, &row); refusal != nil {
			t.Errorf("%s: %v", text, refusal)
		} else if row.Created != lake.InstantOf(want) {
			t.Errorf("%s: got %s, want %s", text, row.Created, lake.InstantOf(want))
		}
	}
	for _, text := range []string{
		`""`, `" 1626858004"`, `"1626858004 "`, `"01626858004"`, `"+1626858004"`, `"0x60f7e254"`, `"1626858004."`, `"-"`, `"1e"`,
		`"2021-07-21Z"`, `"2021-07-21+02:00"`, `"2021-07-21T"`, `"2021-07-21T09"`, `"2021-07-21T09Z"`, `"2021-07-21T0900"`, `"2021-07-21T09:00.5"`, `"2021-07-21T09:00:"`, `"2021-07-21T09:00:4"`, `"2021-07-21  09:00"`, `"2021-07-21_09:00"`, `"2021-7-21"`, `"2021-07"`, `"07/21/2021"`, `" 2021-07-21"`, `"2021-02-29"`, `"2021-07-21T09:60"`, `"2021-07-21T24:00"`,
		`"2021-07-21T09:00:04,5Z"`, `"2021-07-21T09:00:04.Z"`, `"2021-07-21T09:00:04Zx"`, `"2021-07-21T09:00:04 Z"`,
		`"2021-07-21T09:00:60Z"`, `"2021-07-21T24:00:00Z"`, `"2021-07-21T09:60:00Z"`, `"2021-13-21T09:00:00Z"`, `"2021-00-21T09:00:00Z"`, `"2021-02-29T09:00:00Z"`, `"1900-02-29T09:00:00Z"`,
		`"2021-07-21T09:00:04+24:00"`, `"2021-07-21T09:00:04+02:60"`, `"2021-07-21T09:00:04+2:00"`, `"2021-07-21T09:00:04+"`, `"21-07-21T09:00:04Z000"`, `"Wed, 21 Jul 2021 09:00:04 GMT"`,
		`10000000000000000000`, `1e20`, `123456789012345678901`, `0.` + "00000000000000000000000000000000000000000000000000000000000000001",
	} {
		var row transform.Row
		body := `{"event_uuid":"u","event_name":"a:b","created_at":` + text + `}`
		if refusal := s.Scan("web", []byte(body), 0, &row); refusal == nil || refusal.Reason != lake.ReasonBadTime {
			t.Errorf("%s: %v, created %s", text, refusal, row.Created)
		}
	}
}

// TestEveryDay walks through 400 years, the length of the calendar's cycle.
func TestEveryDay(t *testing.T) {
	for d := time.Date(1899, 12, 31, 23, 59, 58, 0, time.UTC); d.Year() < 2301; d = d.Add(24 * time.Hour) {
		if got, ok := transform.ParseTime([]byte(d.Format(time.RFC3339))); !ok || got != lake.InstantOf(d) {
			t.Fatalf("%s: got %s %v", d, got, ok)
		}
	}
}

func BenchmarkParseTime(b *testing.B) {
	text := []byte("2021-07-21T09:00:04.123Z")
	b.ReportAllocs()
	for range b.N {
		if _, ok := transform.ParseTime(text); !ok {
			b.Fatal("not read")
		}
	}
}
