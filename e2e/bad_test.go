package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"
)

func TestASecondLakeIsToldWhoHoldsTheDirectory(t *testing.T) {
	s := up(t, t.TempDir())
	_, errs, exit := run(t, "up", "--data", s.data, "--listen", freeAddr(t))
	if exit != 3 || !strings.Contains(errs, strconv.Itoa(s.cmd.Process.Pid)) {
		t.Errorf("exit %d, want 3 and the pid %d:\n%s", exit, s.cmd.Process.Pid, errs)
	}
	s.status() // the first is not disturbed
}

func TestWrongUseIsRefusedWithTheReason(t *testing.T) {
	dir := t.TempDir()
	bad := filepath.Join(dir, "bad.yaml")
	write(t, bad, "stream:\n  shards: many\n  segment_size: 12 parsecs\nclams:\n  ttl: 1h\nlisten: nowhere\n")
	broken := filepath.Join(dir, "broken.yaml")
	write(t, broken, "stream: [1\n")
	file := filepath.Join(dir, "file")
	write(t, file, "no lake\n")
	none := filepath.Join(dir, "none")
	events := filepath.Join(dir, "events.ndjson")
	write(t, events, event("1", "a:b", `"x":1`)+"\n")
	for name, c := range map[string]struct {
		args []string
		exit int
		says []string
	}{
		"unknown flag":      {[]string{"up", "--dta", dir}, 2, []string{"--dta", "lake up --help"}},
		"unknown command":   {[]string{"verfy"}, 2, []string{"verfy", "lake verify"}},
		"too many words":    {[]string{"verify", "now"}, 2, []string{"lake verify --help"}},
		"missing word":      {[]string{"send"}, 2, []string{"lake send --help"}},
		"bad keys":          {[]string{"up", "--config", bad, "--data", none}, 2, []string{"bad.yaml:2", "shards", "bad.yaml:3", "12 parsecs", "bad.yaml:4", "clams", "bad.yaml:6", "nowhere"}},
		"broken yaml":       {[]string{"up", "--config", broken, "--data", none}, 2, []string{"broken.yaml"}},
		"no such yaml":      {[]string{"up", "--config", none, "--data", none}, 2, []string{none}},
		"bad day":           {[]string{"rebuild", "--from", "yesterday", "--data", none}, 2, []string{"yesterday"}},
		"bad format":        {[]string{"sql", "--format", "xml", "--data", dir, "select 1"}, 2, []string{"xml"}},
		"no lake to verify": {[]string{"verify", "--data", none}, 1, []string{none, "--data"}},
		"no lake to ask":    {[]string{"sql", "--data", none, "select 1"}, 1, []string{none, "--data"}},
		"a file as lake":    {[]string{"verify", "--data", file}, 1, []string{file}},
		"a file to start":   {[]string{"up", "--data", file, "--listen", freeAddr(t)}, 1, []string{file}},
		"bad SQL":           {[]string{"sql", "--data", dir, "selec 1"}, 1, []string{"selec"}},
		"no events":         {[]string{"send", "--url", "http://127.0.0.1:1", file}, 1, []string{file}},
		"no such file":      {[]string{"send", "--url", "http://127.0.0.1:1", none}, 1, []string{none}},
		"nobody listens":    {[]string{"send", "--patience", "1s", "--url", "http://127.0.0.1:1", events}, 1, []string{"127.0.0.1:1"}},
	} {
		t.Run(name, func(t *testing.T) {
			_, errs, exit := run(t, c.args...)
			if exit != c.exit {
				t.Errorf("exit %d, want %d", exit, c.exit)
			}
			for _, s := range c.says {
				if !strings.Contains(errs, s) {
					t.Errorf("%q is not said:\n%s", s, errs)
				}
			}
		})
	}
	if _, err := os.Stat(none); err == nil {
		t.Errorf("a refused command made %s", none)
	}
}

// TestADirectoryThatCannotBeWrittenIsRefused: the places below refuse root too,
// so that the test does not depend on who runs it.
func TestADirectoryThatCannotBeWrittenIsRefused(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	write(t, file, "no lake\n")
	places := []string{file, filepath.Join(file, "below")}
	if runtime.GOOS == "linux" { // file systems of the kernel: nobody makes a file there
		places = append(places, "/proc/lake", "/sys/lake", "/sys/kernel")
	}
	locked := filepath.Join(t.TempDir(), "locked")
	if err := os.Mkdir(locked, 0o555); err != nil {
		t.Fatal(err)
	}
	if os.WriteFile(filepath.Join(locked, "probe"), nil, 0o644) != nil { // root may write here
		places = append(places, locked, filepath.Join(locked, "below"))
	}
	for _, dir := range places {
		for _, args := range [][]string{{"up", "--listen", freeAddr(t)}, {"status"}, {"keys", "create"}} {
			out, errs, exit := run(t, append(args, "--data", dir)...)
			if exit != 1 || out != "" || !strings.Contains(errs, strings.TrimSuffix(dir, "/below")) || !strings.Contains(errs, "\nhint: ") {
				t.Errorf("lake %s --data %s: exit %d\n%s%s", args[0], dir, exit, out, errs)
			}
		}
	}
	if text, err := os.ReadFile(file); err != nil || string(text) != "no lake\n" {
		t.Errorf("the file holds %q, %v", text, err)
	}
	if left, err := os.ReadDir(locked); err != nil || len(left) > 1 {
		t.Errorf("%v was made in %s, %v", left, locked, err)
	}
}

// TestOddEventsPassBesideGoodOnes sends what applications never mean to send.
// Whatever becomes of it, good events around it arrive and the books balance.
func TestOddEventsPassBesideGoodOnes(t *testing.T) {
	s := up(t, t.TempDir())
	batches := map[string][]string{
		"names": oddNames(), "10,000 types": manyTypes(10_000), "3,000 fields": manyFields(3_000), "nesting": {nested(60), nested(2_000)},
		"times": oddTimes(), "text": {event("utf8", "odd:text", `"note":"`+"\xff\xfe"+`"`), event("nul", "odd:text", `"note":"\u0000"`), event("half", "odd:text", `"note":"\ud800"`), "\x00\x01", "null", "[]", "{}", "{"},
	}
	var total, good int64
	for name, lines := range batches {
		var text strings.Builder
		n := 0
		neighbour := func() {
			text.WriteString(event(name+strconv.Itoa(n), "good:neighbour", `"n":`+strconv.Itoa(n)) + "\n")
			n++
		}
		for i, line := range lines {
			if i%1000 == 0 {
				neighbour()
			}
			text.WriteString(line + "\n")
		}
		neighbour()
		if _, errs, exit := runIn(t, "", []byte(text.String()), "send", "--url", s.url(""), "-"); exit != 0 {
			t.Fatalf("%s: exit %d\n%s", name, exit, errs)
		}
		total += int64(len(lines) + n)
		good += int64(n)
	}
	st := s.settle()
	if sum := st.Books.Unique + st.Books.Duplicate + st.Books.Quarantined; sum != total {
		t.Errorf("%d verdicts about %d events: %+v", sum, total, st.Books)
	}
	t.Logf("books: %+v", st.Books)
	if got := number(t, query(t, s.data, "select count(*) from good")[0][0]); got != good {
		t.Errorf("%d of %d good neighbours arrived", got, good)
	}
	verify(t, s.data, "running")
	s.stop()
	verify(t, s.data, "stopped")
}

func event(id, name, fields string) string {
	return fmt.Sprintf(`{"event_uuid":%q,"event_name":%q,"created_at":"2026-03-01T00:00:00Z",%s}`, id, name, fields)
}

func oddNames() []string {
	var lines []string
	for i, name := range []string{"a/b", "../../etc", "..", ".", "a=b", "a%00b", "a\\u0000b", "a%2Fb", " ", "", ":", "a:b:c", "CON", "events", "select",
		"\\u202eabc", "日本語:ü", strings.Repeat("n", 300), "a'b", "a\\\"b", "a;drop table good", "event_type=x/y", "~", "-rf", "*"} {
		for _, form := range []string{"%s", "%s:x", "x:%s"} {
			id := fmt.Sprintf("name-%d-%s", i, form[:1])
			lines = append(lines, fmt.Sprintf(`{"event_uuid":%q,"event_name":"`+form+`","created_at":"2026-03-01T00:00:00Z"}`, id+form, name))
		}
	}
	return lines
}

func manyTypes(n int) []string {
	lines := make([]string, n)
	for i := range lines {
		lines[i] = event(fmt.Sprintf("type-%d", i), fmt.Sprintf("type_%d:s%d", i, i), `"x":1`)
	}
	return lines
}

// manyFields is one event after the other with fields that no other has, and
// one event with all of them.
func manyFields(n int) []string {
	var lines, all []string
	for i := range n {
		field := fmt.Sprintf(`"field_%d":%d`, i, i)
		if i%10 == 0 {
			lines = append(lines, event(fmt.Sprintf("field-%d", i), "wide:one", field))
		}
		all = append(all, field)
	}
	return append(lines, event("field-all", "wide:all", strings.Join(all, ",")))
}

func nested(depth int) string {
	return event(fmt.Sprintf("nested-%d", depth), "nested:deep", `"x":`+strings.Repeat(`{"a":`, depth/2)+strings.Repeat("[", depth/2)+"1"+
		strings.Repeat("]", depth/2)+strings.Repeat("}", depth/2))
}

func oddTimes() []string {
	var lines []string
	for i, at := range []string{`"1970-01-01T00:00:00Z"`, `"2262-04-11T23:47:16.854775807Z"`, `"2262-04-12T00:00:00Z"`, `"9999-12-31T23:59:59Z"`, `"0000-01-01T00:00:00Z"`,
		"0", "-1", "1e18", "9223372036854775807", "99999999999999999999", "null", "true", `""`, `"2026-02-30T00:00:00Z"`, `"2024-02-29T23:59:60Z"`,
		strconv.FormatInt(time.Now().Add(-time.Hour).Unix(), 10), strconv.FormatInt(time.Now().Add(23*time.Hour).UnixMilli(), 10), `"2000-01-01T00:00:00Z"`} {
		lines = append(lines, fmt.Sprintf(`{"event_uuid":"time-%d","event_name":"times:odd","created_at":%s}`, i, at))
	}
	return lines
}
