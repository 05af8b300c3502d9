package cloudwatch_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/aws/cloudwatch"
)

func options() cloudwatch.Options {
	return cloudwatch.Options{
		Namespace:  "Eventlake",
		Dimensions: []cloudwatch.Dimension{{Name: "Env", Value: "dev"}, {Name: "Function", Value: "lambda-ingest"}},
		Clock:      func() lake.Instant { return 1_790_000_000_123_456 },
	}
}

func metrics(t testing.TB, w io.Writer) *cloudwatch.Metrics {
	t.Helper()
	m, err := cloudwatch.New(w, options())
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestOneLineAnInvocation(t *testing.T) {
	var out bytes.Buffer
	m := metrics(t, &out)
	m.Property("request", `a "quoted" id`)
	m.Add("Unique", cloudwatch.Count, 998)
	m.Add("Unique", cloudwatch.Count, 2)
	m.Add("Duplicate", cloudwatch.Count, 0)
	m.Max("IteratorAge", cloudwatch.Milliseconds, cloudwatch.Millis(1500*time.Microsecond))
	m.Max("IteratorAge", cloudwatch.Milliseconds, 1)
	m.Max("Lowest", cloudwatch.None, -5)
	m.Set("Lag", cloudwatch.Seconds, 3)
	m.Set("Lag", cloudwatch.Seconds, 2.5)
	if err := m.Flush(); err != nil {
		t.Fatal(err)
	}
	want := `{"_aws":{"Timestamp":1790000000123,"CloudWatchMetrics":[{"Namespace":"Eventlake","Dimensions":[["Env","Function"]],` +
		`"Metrics":[{"Name":"Unique","Unit":"Count"},{"Name":"Duplicate","Unit":"Count"},{"Name":"IteratorAge","Unit":"Milliseconds"},` +
		`{"Name":"Lowest","Unit":"None"},{"Name":"Lag","Unit":"Seconds"}]}]},"Env":"dev","Function":"lambda-ingest",` +
		`"Unique":1000,"Duplicate":0,"IteratorAge":1.5,"Lowest":-5,"Lag":2.5,"request":"a \"quoted\" id"}` + "\n"
	if out.String() != want {
		t.Fatalf("\n%s\n%s", out.String(), want)
	}
	// The next invocation begins at nothing.
	out.Reset()
	if err := m.Flush(); err != nil || out.Len() != 0 {
		t.Fatalf("%q, %v", out.String(), err)
	}
	m.Add("Unique", cloudwatch.Count, 1)
	if err := m.Flush(); err != nil || !strings.Contains(out.String(), `"Unique":1}`) || strings.Contains(out.String(), "request") {
		t.Fatalf("%q, %v", out.String(), err)
	}
}

func TestWhatCloudWatchRefusesIsLeftOutAndSaid(t *testing.T) {
	var out bytes.Buffer
	m := metrics(t, &out)
	m.Add("Good", cloudwatch.Count, 1)
	m.Property("shard", "shardId-000000000000")
	wrong := []func(){
		func() { m.Add("", cloudwatch.Count, 1) },
		func() { m.Add(":x", cloudwatch.Count, 1) },
		func() { m.Add(strings.Repeat("n", 256), cloudwatch.Count, 1) },
		func() { m.Add("Env", cloudwatch.Count, 1) },
		func() { m.Add("shard", cloudwatch.Count, 1) },
		func() { m.Add("_aws", cloudwatch.Count, 1) },
		func() { m.Add("Unit", "Bananas", 1) },
		func() { m.Add("NaN", cloudwatch.Count, math.NaN()) },
		func() { m.Set("Inf", cloudwatch.Count, math.Inf(-1)) },
		func() { m.Max("Huge", cloudwatch.Count, math.Ldexp(1, 361)) },
	}
	for _, f := range wrong {
		f()
	}
	err := m.Flush()
	if !errors.Is(err, lake.ErrInvalid) || strings.Count(err.Error(), "left out") != len(wrong) {
		t.Errorf("%v", err)
	}
	if got := check(t, out.Bytes()); len(got) != 1 || got["Good"] != 1 {
		t.Errorf("%v", got)
	}

	for _, f := range []func(){
		func() { m.Add("Good", cloudwatch.Bytes, 1) },
		func() { m.Add("Good", cloudwatch.Count, math.Inf(1)) },
		func() { m.Property("Good", "x") },
		func() { m.Property("Env", "x") },
		func() { m.Property("a\nb", "x") },
	} {
		out.Reset()
		m.Add("Good", cloudwatch.Count, 1)
		f()
		if err := m.Flush(); !errors.Is(err, lake.ErrInvalid) {
			t.Errorf("%v", err)
		}
		if got := check(t, out.Bytes()); got["Good"] != 1 {
			t.Errorf("%v", got)
		}
	}
}

func TestALineStaysInItsLimits(t *testing.T) {
	var out bytes.Buffer
	m := metrics(t, &out)
	for i := range 150 {
		m.Add(fmt.Sprintf("%0200d", i), cloudwatch.Count, -math.Pi*1e-200)
		m.Property(fmt.Sprintf("p%0200d", i), strings.Repeat("\x01é", 4000))
	}
	if err := m.Flush(); !errors.Is(err, lake.ErrLimit) {
		t.Errorf("%v", err)
	}
	if got := check(t, out.Bytes()); len(got) != 100 {
		t.Errorf("%d metrics", len(got))
	}
}

func TestOptionsAreChecked(t *testing.T) {
	for name, change := range map[string]func(*cloudwatch.Options){
		"no namespace":       func(o *cloudwatch.Options) { o.Namespace = "" },
		"AWS's namespace":    func(o *cloudwatch.Options) { o.Namespace = "AWS/Lambda" },
		"a bad namespace":    func(o *cloudwatch.Options) { o.Namespace = "a b" },
		"a colon":            func(o *cloudwatch.Options) { o.Namespace = ":x" },
		"31 dimensions":      func(o *cloudwatch.Options) { o.Dimensions = make([]cloudwatch.Dimension, 31) },
		"a dimension twice":  func(o *cloudwatch.Options) { o.Dimensions[0].Name = "Function" },
		"an empty value":     func(o *cloudwatch.Options) { o.Dimensions[0].Value = " " },
		"a value not ASCII":  func(o *cloudwatch.Options) { o.Dimensions[0].Value = "é" },
		"the metadata":       func(o *cloudwatch.Options) { o.Dimensions[0].Name = "_aws" },
		"a value of 2,000 B": func(o *cloudwatch.Options) { o.Dimensions[0].Value = strings.Repeat("x", 2000) },
	} {
		o := options()
		change(&o)
		if _, err := cloudwatch.New(io.Discard, o); !errors.Is(err, lake.ErrInvalid) || lake.Hint(err) == "" {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// full is a writer without room.
type full struct{}

func (full) Write([]byte) (int, error) { return 0, io.ErrShortWrite }

func TestALineThatCannotBeWrittenIsSaid(t *testing.T) {
	m := metrics(t, full{})
	m.Add("x", cloudwatch.Count, 1)
	if err := m.Flush(); !errors.Is(err, io.ErrShortWrite) {
		t.Fatal(err)
	}
	if err := m.Flush(); err != nil {
		t.Fatal(err)
	}
}

func TestManyGoroutinesCountTogether(t *testing.T) {
	var out bytes.Buffer
	m := metrics(t, &out)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for i := range 1000 {
				m.Add("Sum", cloudwatch.Count, 1)
				m.Max("Max", cloudwatch.Count, float64(i))
			}
		})
	}
	wg.Wait()
	if err := m.Flush(); err != nil {
		t.Fatal(err)
	}
	if got := check(t, out.Bytes()); got["Sum"] != 8000 || got["Max"] != 999 {
		t.Fatalf("%v", got)
	}
}

func FuzzLine(f *testing.F) {
	f.Add("Unique", "Count", 1.5, "request", "text", "dev")
	f.Add("a\"b", "None", -0.5, "Env", "\xff\u2028", "x y")
	f.Add("_aws", "Bytes", 1e300, "_aws", "", "")
	f.Fuzz(func(t *testing.T, name, unit string, v float64, property, text, env string) {
		var out bytes.Buffer
		o := options()
		o.Dimensions[0].Value = env
		m, err := cloudwatch.New(&out, o)
		if err != nil {
			t.Skip()
		}
		m.Property(property, text)
		m.Add(name, cloudwatch.Unit(unit), v)
		m.Add(name, cloudwatch.Unit(unit), v)
		m.Add("Always", cloudwatch.Count, 1)
		err = m.Flush()
		got := check(t, out.Bytes())
		if sum, ok := got[name]; name != "Always" && err == nil && (!ok || sum != v+v) {
			t.Fatalf("%v: %s", got, out.String())
		}
	})
}

// check reads a line as the specification of the format says, and returns the
// metrics.
func check(t *testing.T, line []byte) map[string]float64 {
	t.Helper()
	fail := func(format string, args ...any) {
		t.Helper()
		t.Fatalf("%s: %s", fmt.Sprintf(format, args...), line)
	}
	body, ok := bytes.CutSuffix(line, []byte("\n"))
	if !ok || bytes.IndexByte(body, '\n') >= 0 || len(line) > 256<<10 {
		fail("%d bytes are not one line", len(line))
	}
	var root map[string]json.RawMessage
	if err := json.Unmarshal(body, &root); err != nil {
		fail("%v", err)
	}
	names := 0
	for d := json.NewDecoder(bytes.NewReader(body)); ; { // the decoder above would hide a name that is there twice
		tok, err := d.Token()
		if err != nil {
			break
		}
		if key, is := tok.(string); is {
			if names++; root[key] == nil {
				fail("member %q", key)
			}
			var skip json.RawMessage
			if err := d.Decode(&skip); err != nil {
				fail("%v", err)
			}
		}
	}
	if names != len(root) {
		fail("%d members, %d names", names, len(root))
	}
	var meta struct {
		Timestamp         int64
		CloudWatchMetrics []struct {
			Namespace  string
			Dimensions [][]string
			Metrics    []struct{ Name, Unit string }
		}
	}
	strict := json.NewDecoder(bytes.NewReader(root["_aws"]))
	strict.DisallowUnknownFields()
	if err := strict.Decode(&meta); err != nil || meta.Timestamp != 1_790_000_000_123 || len(meta.CloudWatchMetrics) != 1 {
		fail("metadata: %v", err)
	}
	directive := meta.CloudWatchMetrics[0]
	if n := len(directive.Namespace); n < 1 || n > 255 || len(directive.Metrics) < 1 || len(directive.Metrics) > 100 {
		fail("directive")
	}
	for _, set := range directive.Dimensions {
		if len(set) > 30 {
			fail("%d dimensions", len(set))
		}
		for _, d := range set {
			var v string
			if err := json.Unmarshal(root[d], &v); err != nil || v == "" || len(v) > 1024 {
				fail("dimension %q: %q, %v", d, v, err)
			}
		}
	}
	got := map[string]float64{}
	units := []string{"Count", "Bytes", "Milliseconds", "Seconds", "Percent", "None"}
	for _, m := range directive.Metrics {
		var v float64
		if err := json.Unmarshal(root[m.Name], &v); err != nil || math.Abs(v) > math.Ldexp(1, 360) || !slices.Contains(units, m.Unit) {
			fail("metric %q in %q: %v", m.Name, m.Unit, err)
		}
		got[m.Name] = v
	}
	return got
}
