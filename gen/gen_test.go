package gen_test

import (
	"bytes"
	"math"
	"reflect"
	"strconv"
	"testing"
	"time"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/gen"
	"github.com/eventlake/lake/transform"
)

func all(o gen.Options) (lines [][]byte, truth gen.Truth) {
	g := gen.New(o)
	for line, ok := g.Next(nil); ok; line, ok = g.Next(nil) {
		lines = append(lines, line)
	}
	return lines, g.Truth()
}

func options() gen.Options {
	o := gen.Defaults()
	o.Events, o.Span = 50_000, 72*time.Hour
	return o
}

func TestEqualOptionsGiveEqualLines(t *testing.T) {
	o := options()
	o.Conflict, o.Drift = .01, true
	a, truth := all(o)
	b, again := all(o)
	if !reflect.DeepEqual(a, b) || !reflect.DeepEqual(truth, again) {
		t.Fatal("two runs differ")
	}
	o.Seed++
	if c, _ := all(o); bytes.Equal(a[0], c[0]) {
		t.Fatal("two seeds give the same event")
	}
}

// TestLinesStayTheSame holds the bytes of a few lines: numbers that were
// published about generated events must stay comparable.
func TestLinesStayTheSame(t *testing.T) {
	o := options()
	o.Events = 3
	got, _ := all(o)
	for i, want := range golden {
		if string(got[i]) != want {
			t.Errorf("line %d:\n%s\nwant\n%s", i, got[i], want)
		}
	}
}

// TestTruthEqualsARecount scans every line and counts again.
func TestTruthEqualsARecount(t *testing.T) {
	for name, change := range map[string]func(*gen.Options){
		"defaults":  func(*gen.Options) {},
		"drift":     func(o *gen.Options) { o.Drift = true },
		"all sound": func(o *gen.Options) { o.Duplicates, o.Late, o.Malformed = 0, 0, 0 },
		"hard":      func(o *gen.Options) { o.Duplicates, o.Late, o.Malformed, o.Conflict, o.Drift = .4, .1, .1, .05, true },
		"one event": func(o *gen.Options) { o.Events, o.Duplicates = 1, .9 },
		"none":      func(o *gen.Options) { o.Events = 0 },
	} {
		t.Run(name, func(t *testing.T) {
			o := options()
			change(&o)
			lines, truth := all(o)
			if got := recount(t, o, lines); !reflect.DeepEqual(got, truth) {
				t.Fatalf("recounted %+v\nthe truth is %+v", got, truth)
			}
		})
	}
}

func recount(t *testing.T, o gen.Options, lines [][]byte) gen.Truth {
	tr, err := transform.New(transform.DefaultMapping())
	if err != nil {
		t.Fatal(err)
	}
	s := tr.Scanner()
	start := lake.InstantOf(time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC))
	truth := gen.Truth{Malformed: map[lake.Reason]int64{}, ByType: map[string]int64{}}
	seen := map[lake.ID]uint32{}
	var row transform.Row
	for i, line := range lines {
		truth.Lines++
		if bytes.IndexByte(line, '\n') >= 0 {
			t.Fatalf("more than a line: %q", line)
		}
		if refusal := s.Scan(lake.DefaultSource, line, start.Add(80*time.Hour), &row); refusal != nil {
			truth.Malformed[refusal.Reason]++
			continue
		}
		if fingerprint, twice := seen[row.ID]; twice {
			if fingerprint == row.Fingerprint {
				truth.Duplicates++
			} else {
				truth.Malformed[lake.ReasonConflict]++
			}
			continue
		}
		seen[row.ID] = row.Fingerprint
		truth.Unique++
		truth.ByType[string(row.Type)]++
		if turn := start.Add(o.Span / time.Duration(o.Events) * time.Duration(i)); row.Created < turn.Add(-12*time.Hour) {
			truth.Late++
		}
		truth.Cents += cents(t, line)
	}
	return truth
}

func cents(t *testing.T, line []byte) int64 {
	const key = `"amount_cents":`
	i := bytes.Index(line, []byte(key))
	if i < 0 {
		return 0
	}
	rest := line[i+len(key):]
	n, err := strconv.ParseInt(string(rest[:bytes.IndexByte(rest, ',')]), 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestFractionsAndSizes(t *testing.T) {
	o := options()
	o.Conflict = .02
	lines, truth := all(o)
	near := func(what string, got int64, want float64) {
		share := float64(got) / float64(o.Events)
		if math.Abs(share-want) > 5*math.Sqrt(want/float64(o.Events))+.001 {
			t.Errorf("%s: %.4f of the lines, want %.4f", what, share, want)
		}
	}
	broken := int64(0)
	for reason, n := range truth.Malformed {
		if reason != lake.ReasonConflict {
			broken += n
		}
	}
	near("duplicates", truth.Duplicates, o.Duplicates)
	near("late", truth.Late, o.Late)
	near("malformed", broken, o.Malformed)
	near("conflicts", truth.Malformed[lake.ReasonConflict], o.Conflict)
	if len(truth.Malformed) != 6 {
		t.Errorf("reasons: %v", truth.Malformed)
	}
	if len(truth.ByType) != 6 || truth.ByType["session"] < 2*truth.ByType["message"] || truth.Cents == 0 {
		t.Errorf("types are not skewed: %v, %d cents", truth.ByType, truth.Cents)
	}
	sum, shortest, longest := 0, math.MaxInt, 0
	for _, line := range lines {
		sum += len(line)
		if line[len(line)-1] == '}' {
			shortest, longest = min(shortest, len(line)), max(longest, len(line))
		}
	}
	t.Logf("%d to %d bytes, %d on average", shortest, longest, sum/len(lines))
	if average := sum / len(lines); average < 450 || average > 550 || shortest < 300 || longest > 1000 {
		t.Error("the sizes are not realistic")
	}
}

func TestNextAppends(t *testing.T) {
	o := options()
	o.Events = 1
	g := gen.New(o)
	line, ok := g.Next([]byte("kept"))
	if !ok || !bytes.HasPrefix(line, []byte("kept{")) {
		t.Fatalf("got %q, %v", line, ok)
	}
	if line, ok = g.Next(line[:4]); ok || string(line) != "kept" {
		t.Fatalf("after the end: %q, %v", line, ok)
	}
}

func BenchmarkNext(b *testing.B) {
	o := gen.Defaults()
	o.Events = b.N
	g := gen.New(o)
	var line []byte
	b.ReportAllocs()
	for range b.N {
		line, _ = g.Next(line[:0])
	}
}
