package firehose_test

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	emulator "github.com/eventlake/lake/laketest/awslocal/firehose"
)

func TestSubRecordsGoToTheirPartitions(t *testing.T) {
	t.Parallel()
	w := start(t, partitioned())
	w.put(event("a", 1, 1) + event("b", 1, 2) + "\n" + event("a", 2, 3))
	w.put(event("a", 1, 4) + "\n")
	w.flush()
	for prefix, want := range map[string][]string{
		"raw/type=a/day=01/": {event("a", 1, 1), event("a", 1, 4)},
		"raw/type=b/day=01/": {event("b", 1, 2)},
		"raw/type=a/day=02/": {event("a", 2, 3)},
		"failed/":            nil,
	} {
		if got := w.bucket.lines(t, prefix); !slices.Equal(got, want) {
			t.Errorf("%s has %q, want %q", prefix, got, want)
		}
	}
	name := regexp.MustCompile(`^raw/type=./day=0./delivery-1-2026-11-23-14-30-00-[0-9a-f-]{36}\.gz$`)
	for _, key := range w.bucket.keys() {
		if !name.MatchString(key) {
			t.Errorf("object name %s", key)
		}
	}
	if st := w.stream.Stats(); st.Records != 2 || st.SubRecords != 4 || st.Billed != 2*5<<10 || st.Objects != 3 {
		t.Errorf("stats %+v", st)
	}
}

func TestABufferIsDeliveredWhenItIsOldOrFull(t *testing.T) {
	t.Parallel()
	cfg := partitioned()
	cfg.BufferInterval, cfg.BufferBytes = time.Minute, 10*(len(event("a", 1, 100))+1)
	w := start(t, cfg)
	w.put(event("a", 1, 100))
	w.clock.advance(59 * time.Second)
	w.put(event("b", 1, 100))
	w.deliver()
	if keys := w.bucket.keys(); len(keys) != 0 {
		t.Fatalf("delivered %v before a minute was over", keys)
	}
	w.clock.advance(time.Second)
	w.deliver()
	if keys := w.bucket.keys(); len(keys) != 1 || !strings.HasPrefix(keys[0], "raw/type=a/") {
		t.Fatalf("delivered %v after a minute, want only the older partition", keys)
	}
	for i := range 10 {
		w.put(event("c", 1, 100+i))
	}
	w.deliver()
	if n := len(w.bucket.lines(t, "raw/type=c/")); n != 0 {
		t.Fatalf("%d lines of a buffer that is not over its size", n)
	}
	w.put(event("c", 1, 110))
	w.deliver()
	if n := len(w.bucket.lines(t, "raw/type=c/")); n != 10 {
		t.Fatalf("%d lines of a full buffer, want its 10", n)
	}
}

func TestWhatCannotBePlacedGoesToTheErrorPrefix(t *testing.T) {
	t.Parallel()
	deep := func(n int) string {
		return `{"event_type":"a","at":"2026-11-01","x":` + strings.Repeat("[", n-1) + strings.Repeat("]", n-1) + `}`
	}
	many := strings.Repeat(event("a", 1, 0), emulator.MaxSubRecords+1)
	for _, c := range []struct{ name, record, why string }{
		{"no JSON", "hello", "de-aggregated"},
		{"broken in the middle", event("a", 1, 1) + `{"event`, "de-aggregated"},
		{"an array", `[` + event("a", 1, 1) + `]`, "not a JSON object"},
		{"no key", `{"at":"2026-11-01"}`, "type is null"},
		{"empty key", `{"event_type":"","at":"2026-11-01"}`, "type is empty"},
		{"an object as key", `{"event_type":{},"at":"2026-11-01"}`, "type is object"},
		{"query fails", `{"event_type":"a","at":7}`, "extracted"},
		{"too deep", deep(emulator.MaxDepth + 1), "nested deeper than 256"},
		{"too many", many, "501 sub-records"},
		{"empty", "", "it is empty"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := start(t, partitioned())
			w.put(c.record)
			w.flush()
			got := w.failures("failed/metadata-extraction-failed/2026-11-23/")
			if len(got) != 1 || string(got[0].Raw) != c.record || !strings.Contains(got[0].Message, c.why) {
				t.Errorf("error documents %+v, want one with %q", got, c.why)
			}
			if raw := w.bucket.lines(t, "raw/"); len(raw) != 0 {
				t.Errorf("delivered %q", raw)
			}
		})
	}
	w := start(t, partitioned())
	w.put(deep(emulator.MaxDepth))
	w.flush()
	if n := len(w.bucket.lines(t, "raw/")); n != 1 {
		t.Error("a record that is just not too deep was refused")
	}
}

func TestActivePartitionsAreLimited(t *testing.T) {
	t.Parallel()
	cfg := partitioned()
	cfg.ActivePartitions = 3
	w := start(t, cfg)
	for i := range 5 {
		w.put(event(fmt.Sprint("t", i), 1, i))
	}
	w.flush()
	if n := len(w.bucket.lines(t, "raw/")); n != 3 {
		t.Errorf("%d partitions delivered, want 3", n)
	}
	if got := w.failures("failed/activePartitionExceeded/"); len(got) != 2 || string(got[0].Raw) != event("t3", 1, 3) {
		t.Errorf("error documents %+v", got)
	}
	w.put(event("t4", 1, 4)) // the others are no longer active
	w.flush()
	if n := len(w.bucket.lines(t, "raw/type=t4/")); n != 1 {
		t.Error("a partition is refused although none is active")
	}
}

func TestAPlainStreamConcatenates(t *testing.T) {
	t.Parallel()
	w := start(t, emulator.Config{Prefix: "plain/"})
	w.put("one;")
	w.clock.advance(2 * time.Hour)
	w.put("two;")
	w.flush()
	if keys := w.bucket.keys(); len(keys) != 1 || !strings.HasPrefix(keys[0], "plain/2026/11/23/14/delivery-1-2026-11-23-14-30-00-") {
		t.Errorf("keys %v, want the hour of the oldest record", keys)
	}
	if got := w.bucket.lines(t, "plain/"); !slices.Equal(got, []string{"one;two;"}) {
		t.Errorf("object %q", got)
	}
}

func TestADelimiterTakesRecordsApart(t *testing.T) {
	t.Parallel()
	cfg := partitioned()
	cfg.SubRecordType, cfg.Delimiter = "DELIMITED", "\n"
	w := start(t, cfg)
	w.put(event("a", 1, 1) + "\nnonsense\n" + event("b", 1, 2) + "\n")
	w.flush()
	if n := len(w.bucket.lines(t, "raw/")); n != 2 {
		t.Errorf("%d lines delivered, want 2", n)
	}
	if got := w.failures("failed/"); len(got) != 1 || string(got[0].Raw) != "nonsense" {
		t.Errorf("error documents %+v", got)
	}
}

func TestWhatS3RefusesIsDeliveredLater(t *testing.T) {
	t.Parallel()
	w := start(t, partitioned())
	w.put(event("a", 1, 1))
	w.bucket.broken = true
	if err := w.stream.Flush(t.Context()); err == nil {
		t.Fatal("a flush to a missing bucket succeeds")
	}
	w.bucket.broken = false
	w.deliver()
	if got := w.bucket.lines(t, "raw/"); len(got) != 1 {
		t.Errorf("delivered %q", got)
	}
}

func TestARefusedConfigurationSaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	for want, change := range map[string]func(*emulator.Config){
		"without an error prefix": func(c *emulator.Config) { c.ErrorPrefix = "" },
		"sub-records LINES":       func(c *emulator.Config) { c.SubRecordType = "LINES" },
		"without a delimiter":     func(c *emulator.Config) { c.SubRecordType = "DELIMITED" },
		"expression foo:bar":      func(c *emulator.Config) { c.Prefix = "!{foo:bar}" },
		"timestamp":               func(c *emulator.Config) { c.Prefix = "!{timestamp:QQQ}" },
		"prefix":                  func(c *emulator.Config) { c.Prefix = "!{timestamp" },
		"error-output-type":       func(c *emulator.Config) { c.Prefix = "!{firehose:error-output-type}" },
		"query":                   func(c *emulator.Config) { c.JQ = "{a:" },
		"buffer of":               func(c *emulator.Config) { c.BufferInterval = time.Hour },
	} {
		cfg := partitioned()
		cfg.Name, cfg.Bucket = "delivery", "lake"
		change(&cfg)
		if _, err := emulator.NewStream(&bucket{}, cfg); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want one about %q", err, want)
		}
	}
}
