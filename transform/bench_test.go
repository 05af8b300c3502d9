package transform_test

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"os"
	"testing"
	"time"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/gen"
	"github.com/eventlake/lake/transform"
)

// BenchmarkScan reports the time an event takes, over generated events and over
// real ones.
func BenchmarkScan(b *testing.B) {
	b.Run("generated", func(b *testing.B) {
		o := gen.Defaults()
		o.Events, o.Malformed = 10_000, 0
		var events [][]byte
		g := gen.New(o)
		for line, ok := g.Next(nil); ok; line, ok = g.Next(nil) {
			events = append(events, line)
		}
		benchmarkScan(b, transform.DefaultMapping(), events)
	})
	b.Run("github", func(b *testing.B) {
		benchmarkScan(b, githubMapping(b), githubEvents(b))
	})
	b.Run("without an id", func(b *testing.B) {
		m := githubMapping(b)
		m.ID = nil
		benchmarkScan(b, m, githubEvents(b))
	})
}

func benchmarkScan(b *testing.B, m transform.Mapping, events [][]byte) {
	t, err := transform.New(m)
	if err != nil {
		b.Fatal(err)
	}
	s := t.Scanner()
	received := lake.InstantOf(time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC))
	size := 0
	for _, e := range events {
		size += len(e)
	}
	var row transform.Row
	b.SetBytes(int64(size / len(events)))
	b.ReportAllocs()
	b.ResetTimer()
	for i := range b.N {
		if refusal := s.Scan(lake.DefaultSource, events[i%len(events)], received, &row); refusal != nil {
			b.Fatal(refusal)
		}
	}
	b.ReportMetric(float64(size)/float64(len(events)), "B/event")
}

func githubMapping(t testing.TB) transform.Mapping {
	t.Helper()
	m := transform.DefaultMapping()
	m.ID, m.Name = path(t, "id"), nil
	m.Type, m.Subtype, m.Time = path(t, "type"), path(t, "payload.action"), path(t, "created_at")
	return m
}

func path(t testing.TB, s string) transform.Path {
	t.Helper()
	p, err := transform.ParsePath(s)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// githubEvents are the 800 real events of ../testdata.
func githubEvents(t testing.TB) [][]byte {
	t.Helper()
	f, err := os.Open("../testdata/github-events-2021-07-21.ndjson.gz")
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	}()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(z)
	lines.Buffer(nil, lake.MaxEvent)
	var events [][]byte
	for lines.Scan() {
		events = append(events, append([]byte(nil), lines.Bytes()...))
	}
	if lines.Err() != nil {
		t.Fatal(lines.Err())
	}
	return events
}

// excerpt are the 20 events of testdata.
func excerpt(t testing.TB) [][]byte {
	t.Helper()
	b, err := os.ReadFile("testdata/github-20.ndjson")
	if err != nil {
		t.Fatal(err)
	}
	return bytes.Split(bytes.TrimSpace(b), []byte("\n"))
}
