package kinesis_test

import (
	"bytes"
	"compress/gzip"
	"crypto/md5"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/aws/kinesis"
)

func gz(t testing.TB, parts ...string) []byte {
	t.Helper()
	var b bytes.Buffer
	for _, p := range parts { // each a member of its own
		w := gzip.NewWriter(&b)
		if _, err := w.Write([]byte(p)); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
	}
	return b.Bytes()
}

func zst(t testing.TB, parts ...string) []byte {
	t.Helper()
	w, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1))
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := w.Close(); err != nil {
			t.Error(err)
		}
	}()
	var b []byte
	for _, p := range parts {
		b = w.EncodeAll([]byte(p), b)
	}
	return b
}

// vector is an aggregate that another implementation wrote (testdata/README.md).
type vector struct {
	Name   string
	Data   []byte
	Bodies [][]byte
}

func vectors(t testing.TB) (out []vector) {
	t.Helper()
	b, err := os.ReadFile("testdata/aggregates.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, &out); err != nil {
		t.Fatal(err)
	}
	return out
}

func TestAggregatesOfOthersAreRead(t *testing.T) {
	for _, v := range vectors(t) {
		t.Run(v.Name, func(t *testing.T) {
			got := unpack(t, v.Data)
			var want []string
			for _, b := range v.Bodies {
				want = append(want, string(b))
			}
			if !slices.Equal(bodies(got), want) {
				t.Fatalf("%q, want %q", bodies(got), want)
			}
			for _, r := range got {
				if r.Source != lake.DefaultSource || r.Received != arrived || r.ID == (lake.ID{}) {
					t.Errorf("%+v", r)
				}
			}
		})
	}
}

// Consumers that others wrote read these bytes too, so they may not change.
func TestOurAggregatesKeepTheirBytes(t *testing.T) {
	events := []lake.Event{event(1, 60), event(2, 60), event(3, 60)}
	events[2].Source, events[2].Received = "web", arrived
	want, err := os.ReadFile("testdata/ours.bin")
	if err != nil {
		t.Fatal(err)
	}
	if got := pack(events...); !bytes.Equal(got, want) {
		t.Errorf("%q\nwant\n%q", got, want)
	}
}

func TestWhatARecordMayBe(t *testing.T) {
	const a, b = `{"event_uuid":"1"}`, `{"event_uuid":"2"}`
	packed := string(pack(event(1, 60), event(2, 60)))
	damaged := strings.Replace(packed, "pad", "bad", 1)
	for name, tt := range map[string]struct {
		record string
		want   []string
	}{
		"empty":                           {"", []string{""}},
		"white space":                     {" \n\n", []string{" \n\n"}},
		"one object":                      {a, []string{a}},
		"one object and a line end":       {a + "\r\n", []string{a + "\r\n"}},
		"lines":                           {a + "\n" + b + "\n", []string{a, b}},
		"lines with blanks between":       {"\n" + a + "\r\n\r\n  \n " + b, []string{a, b}},
		"lines, some broken":              {a + "\n{\"event_uuid\":\n" + b + "\nnot json\n", []string{a, `{"event_uuid":`, b, "not json"}},
		"one object over lines":           {"{\n  \"a\": [1,\n 2], \"b\": \"}\\\"\"\n}\n", []string{"{\n  \"a\": [1,\n 2], \"b\": \"}\\\"\"\n}\n"}},
		"one object over lines, cut off":  {"{\n  \"a\": {\n   \"b\": 1\n  },\n", []string{"{\n  \"a\": {\n   \"b\": 1\n  },\n"}},
		"an array of objects, on lines":   {"[{\"a\":1},\n{\"a\":2}\n]", []string{"[{\"a\":1},\n{\"a\":2}\n]"}},
		"text":                            {"hello\nworld\n", []string{"hello\nworld\n"}},
		"bytes":                           {"\x00\n\xff{}\n\x01", []string{"\x00\n\xff{}\n\x01"}},
		"a quote that never ends":         {`{"a` + "\n" + a + "\n", []string{`{"a`, a}},
		"gzip of lines":                   {string(gz(t, a+"\n"+b)), []string{a, b}},
		"gzip of several members":         {string(gz(t, a+"\n", b+"\n")), []string{a, b}},
		"gzip of nothing":                 {string(gz(t, "")), []string{""}},
		"zstd of one object":              {string(zst(t, a)), []string{a}},
		"zstd of several frames":          {string(zst(t, a+"\n", b+"\n")), []string{a, b}},
		"zstd of an aggregate":            {string(zst(t, packed)), bodies(unpack(t, []byte(packed)))},
		"gzip in gzip stays":              {string(gz(t, string(gz(t, a)))), []string{string(gz(t, a))}},
		"gzip cut off":                    {string(gz(t, a)[:25]), []string{string(gz(t, a)[:25])}},
		"gzip with garbage behind":        {string(gz(t, a)) + "garbage", []string{string(gz(t, a)) + "garbage"}},
		"only the magic number of gzip":   {"\x1f\x8b\x08", []string{"\x1f\x8b\x08"}},
		"zstd cut off":                    {string(zst(t, strings.Repeat(a, 9))[:30]), []string{string(zst(t, strings.Repeat(a, 9))[:30])}},
		"an aggregate":                    {packed, bodies(unpack(t, []byte(packed)))},
		"an aggregate with a wrong MD5":   {damaged, []string{damaged}},
		"an aggregate cut off":            {packed[:len(packed)-1], []string{packed[:len(packed)-1]}},
		"lines behind a wrong number":     {"\xf3\x89\x9a\xc2\n{}\n", []string{"\xf3\x89\x9a\xc2\n{}\n"}},
		"only the magic number of KPL":    {"\xf3\x89\x9a\xc2", []string{"\xf3\x89\x9a\xc2"}},
		"an aggregate of nothing":         {seal(""), []string{seal("")}},
		"an aggregate that is no message": {seal("\x1a\x05abc"), []string{seal("\x1a\x05abc")}},
		"a record without data":           {seal("\x0a\x01k\x1a\x02\x08\x00"), []string{""}},
		"a partition key out of range":    {seal("\x0a\x01k\x1a\x04\x08\x01\x1a\x00"), []string{seal("\x0a\x01k\x1a\x04\x08\x01\x1a\x00")}},
		"a record without partition key":  {seal("\x0a\x01k\x1a\x02\x1a\x00"), []string{seal("\x0a\x01k\x1a\x02\x1a\x00")}},
		"records before their keys":       {seal("\x1a\x05\x08\x00\x1a\x01x\x0a\x01k"), []string{"x"}},
		"fields of a later version":       {seal("\x0a\x01k\x20\x07\x1a\x09\x08\x00\x1a\x01x\x2a\x02hi"), []string{"x"}},
		"broken gzip in a user record":    {seal("\x0a\x01k\x1a\x07\x08\x00\x1a\x03\x1f\x8b\x08\x1a\x05\x08\x00\x1a\x01x"), []string{"\x1f\x8b\x08", "x"}},
	} {
		t.Run(name, func(t *testing.T) {
			if got := bodies(unpack(t, []byte(tt.record))); !slices.Equal(got, tt.want) {
				t.Errorf("%q, want %q", got, tt.want)
			}
		})
	}
}

// seal puts magic number and checksum around a message.
func seal(message string) string {
	sum := md5.Sum([]byte(message))
	return "\xf3\x89\x9a\xc2" + message + string(sum[:])
}

func TestBombsStayAsTheyAre(t *testing.T) {
	line := `{"a":1}` + "\n"
	for name, data := range map[string][]byte{
		"zeros in gzip":            gz(t, strings.Repeat("\x00", 5<<20)),
		"zeros in zstd":            zst(t, strings.Repeat("\x00", 5<<20)),
		"lines in zstd":            zst(t, strings.Repeat(line, 1<<20)),
		"too many lines":           []byte(strings.Repeat(line, 100_001)),
		"a body larger than any":   zst(t, "{"+strings.Repeat(string(event(1, 1000).Body), 12_000)),
		"too many in an aggregate": []byte(seal("\x0a\x01k" + strings.Repeat("\x1a\x05\x08\x00\x1a\x01x", 100_001))),
	} {
		if got := unpack(t, data); len(got) != 1 || !bytes.Equal(got[0].Body, data) {
			t.Errorf("%s: %d events", name, len(got))
		}
	}
	if got := unpack(t, []byte(strings.Repeat(line, 100_000))); len(got) != 100_000 {
		t.Errorf("%d events where 100,000 are allowed", len(got))
	}
	// The user records of one aggregate share one budget.
	bomb := gz(t, strings.Repeat("\x00", 900<<10))
	message := "\x0a\x01k"
	for range 4 {
		message += "\x1a" + string([]byte{byte(len(bomb)+5)&0x7f | 0x80, byte((len(bomb) + 5) >> 7)}) + "\x08\x00\x1a" +
			string([]byte{byte(len(bomb))&0x7f | 0x80, byte(len(bomb) >> 7)}) + string(bomb)
	}
	got, expanded := unpack(t, []byte(seal(message))), 0
	for _, r := range got {
		if len(r.Body) > len(bomb) {
			expanded++
		}
	}
	if len(got) != 4 || expanded != 1 {
		t.Errorf("%d of %d bombs went off", expanded, len(got))
	}
}

func TestTagsSayWhoAndWhen(t *testing.T) {
	for name, tt := range map[string]struct {
		event    lake.Event
		source   lake.SourceID
		received lake.Instant
	}{
		"as they were":                        {lake.Event{Source: "shop", Received: 5}, "shop", 5},
		"a source that is no name":            {lake.Event{Source: "../shop", Received: 5}, lake.DefaultSource, 5},
		"no source":                           {lake.Event{Received: 5}, lake.DefaultSource, 5},
		"a little ahead of the stream's time": {lake.Event{Source: "shop", Received: arrived + 1e6}, "shop", arrived + 1e6},
		"a time that cannot be":               {lake.Event{Source: "shop", Received: arrived + 1e12}, "shop", arrived},
	} {
		if r := unpack(t, pack(tt.event))[0]; r.Source != tt.source || r.Received != tt.received {
			t.Errorf("%s: %q at %d", name, r.Source, r.Received)
		}
	}
}

func TestRecordsOfOthersGetTheConfiguredSource(t *testing.T) {
	u := kinesis.NewUnpacker(kinesis.UnpackOptions{
		Source:   "github",
		Identify: func(s lake.SourceID, body []byte) lake.ID { return lake.ID{1: byte(len(s)), 2: body[1]} },
	})
	got := u.Unpack(nil, place, arrived, []byte("{1}\n{2}\n"))
	if len(got) != 2 || got[1].Source != "github" || got[1].ID != (lake.ID{1: 6, 2: '2'}) {
		t.Fatalf("%+v", got)
	}
	a, b := unpack(t, []byte(`{"a":1}`))[0], u.Unpack(nil, place, arrived, []byte(`{"a":1}`))[0]
	if a.ID == b.ID || a.ID != unpack(t, []byte(`{"a":1}`))[0].ID {
		t.Errorf("ids %s and %s", a.ID, b.ID)
	}
}

// Several records into one slice: what one Lambda batch does.
func TestRecordsAreAppended(t *testing.T) {
	u := kinesis.NewUnpacker(kinesis.UnpackOptions{})
	got := u.Unpack(nil, lake.Pos(1), arrived, pack(event(1, 60), event(2, 60)))
	got = u.Unpack(got, lake.Pos(2), arrived, gz(t, string(event(3, 60).Body)))
	got = u.Unpack(got, lake.Pos(3), arrived, []byte("\x1f\x8b\x08"))
	got = u.Unpack(got, lake.Pos(4), arrived, gz(t, string(event(5, 60).Body)))
	var at []string
	for _, r := range got {
		at = append(at, r.Position.String())
	}
	if want := []string{"1", "1.1", "2", "3", "4"}; !slices.Equal(at, want) {
		t.Fatalf("%v, want %v", at, want)
	}
	for i, n := range []int{1, 2, 3, 0, 5} {
		if n > 0 && !bytes.Equal(got[i].Body, event(n, 60).Body) {
			t.Errorf("event %d is %q", i, got[i].Body)
		}
	}
}

func TestARecordThatIsNoneSaysWhy(t *testing.T) {
	const a = `{"event_uuid":"1"}`
	line := a + "\n"
	packed := pack(event(1, 60), event(2, 60))
	noise := make([]byte, 11<<20)
	for i, r := 0, rand.New(rand.NewPCG(3, 4)); i < len(noise); i++ {
		noise[i] = 'a' + byte(r.IntN(26))
	}
	var numbered strings.Builder
	for i := range 100_001 {
		fmt.Fprintf(&numbered, "{\"n\":%d}\n", i)
	}
	for name, tt := range map[string]struct {
		record []byte
		reason lake.Reason
		detail string
	}{
		"gzip cut off":     {gz(t, a)[:25], lake.ReasonMalformed, "gzip data of 25 bytes is cut off"},
		"gzip cut at once": {[]byte("\x1f\x8b\x08"), lake.ReasonMalformed, "gzip data of 3 bytes is cut off"},
		"gzip damaged":     {append(gz(t, a), "garbage garbage"...), lake.ReasonMalformed, "is damaged after 18 unpacked bytes: "},
		"zstd cut off":     {zst(t, strings.Repeat(a, 9))[:30], lake.ReasonMalformed, "zstd data of 30 bytes is cut off"},
		"a bomb":           {gz(t, strings.Repeat("\x00", 5<<20)), lake.ReasonTooLarge, "unpacks to more than 1048576 bytes"},
		"a valid event, smaller than its size says": {gz(t, `{"a":"`+strings.Repeat("x", 5<<20)+`"}`), lake.ReasonTooLarge, "100 times the record's size"},
		"too many events":         {[]byte(strings.Repeat(line, 100_001)), lake.ReasonTooLarge, "more than 100000 events"},
		"too many, compressed":    {gz(t, numbered.String()), lake.ReasonTooLarge, "more than 100000 events"},
		"a body larger than any":  {zst(t, `{"a":"`+string(noise)+`"}`), lake.ReasonTooLarge, "an event of 11534344 bytes, the limit is 10485760"},
		"an aggregate cut off":    {packed[:len(packed)-1], lake.ReasonMalformed, "checksum is wrong"},
		"an aggregate of nothing": {[]byte(seal("")), lake.ReasonMalformed, "without events"},
		"no aggregate inside":     {[]byte(seal("\x1a\x05abc")), lake.ReasonMalformed, "not written as the format asks"},
	} {
		got := unpack(t, tt.record)
		if len(got) != 1 || !bytes.Equal(got[0].Body, tt.record) {
			t.Errorf("%s: %d events, or other bytes", name, len(got))
			continue
		}
		if r := got[0].Refused; r == nil || r.Reason != tt.reason || !strings.Contains(r.Detail, tt.detail) || len(r.Detail) > 200 {
			t.Errorf("%s: %v, want %s: %s", name, r, tt.reason, tt.detail)
		}
	}
	// One user record of an aggregate is refused, its neighbour is not.
	got := unpack(t, []byte(seal("\x0a\x01k\x1a\x07\x08\x00\x1a\x03\x1f\x8b\x08\x1a\x05\x08\x00\x1a\x01x")))
	if len(got) != 2 || got[0].Refused == nil || got[1].Refused != nil {
		t.Errorf("%+v", got)
	}
}
