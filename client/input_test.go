package client_test

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/client"
)

// events reads everything; too-large events appear as "<too large>".
func events(in *client.Input) (out []string, err error) {
	for {
		e, err := in.Next()
		switch {
		case errors.Is(err, io.EOF):
			return out, nil
		case errors.Is(err, lake.ErrLimit):
			out = append(out, "<too large>")
		case err != nil:
			return out, err
		default:
			out = append(out, string(e))
		}
	}
}

func TestForms(t *testing.T) {
	long := strings.Repeat("x", lake.MaxBody)
	for name, c := range map[string]struct {
		text string
		want []string
	}{
		"lines":                          {"{\"a\":1}\n{\"a\":2}\n", []string{`{"a":1}`, `{"a":2}`}},
		"no line break at the end":       {"{\"a\":1}\n{\"a\":2}", []string{`{"a":1}`, `{"a":2}`}},
		"Windows lines and blank ones":   {"\r\n{\"a\":1}\r\n\r\n \t\n{\"a\":2}\r\n", []string{`{"a":1}`, `{"a":2}`}},
		"byte order mark":                {"\xef\xbb\xbf{\"a\":1}\n", []string{`{"a":1}`}},
		"nothing":                        {"", nil},
		"only white space":               {" \n\n", nil},
		"a broken line among lines":      {"{\"a\":1}\n{\"a\":\n{\"a\":3}\n", []string{`{"a":1}`, `{"a":`, `{"a":3}`}},
		"a broken first line":            {"{\"a\":\n{\"a\":2}\n{\"a\":3}\n", []string{`{"a":`, `{"a":2}`, `{"a":3}`}},
		"an open quote first":            {"{\"a\":\"\n{\"a\":2}\n", []string{`{"a":"`, `{"a":2}`}},
		"junk before lines":              {"# log\n{\"a\":2}\n", []string{`# log`, `{"a":2}`}},
		"scalars in lines":               {"{}\n1\nnull\n\"x\"\n", []string{`{}`, `1`, `null`, `"x"`}},
		"one object over lines":          {"{\n  \"a\": [1,\n 2]\n}\n", []string{`{   "a": [1,  2] }`}},
		"objects over lines":             {"{\n \"a\": 1\n}\n{\n \"a\": 2\n}\n{\"a\":3}", []string{`{  "a": 1 }`, `{  "a": 2 }`, `{"a":3}`}},
		"an array":                       {`[{"a":1},{"a":2}]`, []string{`{"a":1}`, `{"a":2}`}},
		"a pretty array":                 {"[\n  {\n    \"a\": 1\n  },\n  {\"a\":\"],[\\\"\"}\n]\n", []string{`{     "a": 1   }`, `{"a":"],[\""}`}},
		"an empty array":                 {"[]", nil},
		"arrays one after another":       {"[{\"a\":1}]\n[{\"a\":2},\n{\"a\":3}]", []string{`{"a":1}`, `{"a":2}`, `{"a":3}`}},
		"an array in lines":              {"[{\"a\":1}]\n{\"a\":2}\n", []string{`{"a":1}`, `{"a":2}`}},
		"an array with junk":             {`[{"a":1},NaN, {"a":01},"s",,[7,8],{"a":2}]`, []string{`{"a":1}`, `NaN`, `{"a":01}`, `"s"`, `[7,8]`, `{"a":2}`}},
		"an array that was cut":          {`[{"a":1},{"a":`, []string{`{"a":1}`, `{"a":`}},
		"a line break inside a string":   {"[{\"a\":\"x\ny\"}]", []string{"{\"a\":\"x\ry\"}"}},
		"a line that is too large":       {"{\"a\":1}\n{\"a\":\"" + long + "\"}\n{\"a\":3}\n", []string{`{"a":1}`, `<too large>`, `{"a":3}`}},
		"a first line that is too large": {"{\"a\":\"" + long + "\"}\n{\"a\":3}\n", []string{`<too large>`, `{"a":3}`}},
		"an element that is too large":   {"[{\"a\":1},{\"a\":\"" + long + "\"},{\"a\":3}]", []string{`{"a":1}`, `<too large>`, `{"a":3}`}},
	} {
		t.Run(name, func(t *testing.T) {
			readers := map[string]io.Reader{"at once": strings.NewReader(c.text)}
			if len(c.text) < 1000 {
				readers["byte by byte"] = iotest.OneByteReader(strings.NewReader(c.text))
			}
			for how, r := range readers {
				in, err := client.NewInput("test", r)
				if err != nil {
					t.Fatal(err)
				}
				got, err := events(in)
				if err != nil {
					t.Fatal(err)
				}
				if strings.Join(got, "\n") != strings.Join(c.want, "\n") {
					t.Errorf("%s: got %.300q, want %.300q", how, got, c.want)
				}
				if in.Read() != int64(len(c.text)) {
					t.Errorf("%s: read %d bytes of %d", how, in.Read(), len(c.text))
				}
			}
		})
	}
}

func TestCompressed(t *testing.T) {
	text := strings.Repeat("{\"a\":1}\n", 50_000)
	var gz, zs bytes.Buffer
	for half := range 2 { // members and frames one after another are one text
		g := gzip.NewWriter(&gz)
		z, err := zstd.NewWriter(&zs)
		if err != nil {
			t.Fatal(err)
		}
		for _, w := range []io.WriteCloser{g, z} {
			if _, err := io.WriteString(w, text[half*len(text)/2:(half+1)*len(text)/2]); err != nil {
				t.Fatal(err)
			}
			if err := w.Close(); err != nil {
				t.Fatal(err)
			}
		}
	}
	for name, data := range map[string][]byte{"x.json.gz": gz.Bytes(), "x.zst": zs.Bytes(), "named.txt": gz.Bytes()} {
		path := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		in, err := client.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		got, err := events(in)
		if err != nil || len(got) != 50_000 {
			t.Errorf("%s: %d events, %v", name, len(got), err)
		}
		if in.Read() != in.Size() || in.Size() != int64(len(data)) {
			t.Errorf("%s: read %d of %d bytes, size %d", name, in.Read(), len(data), in.Size())
		}
		if err := in.Close(); err != nil {
			t.Error(err)
		}
	}
	for name, data := range map[string][]byte{"gzip": gz.Bytes(), "zstd": zs.Bytes()} {
		in, err := client.NewInput(name, bytes.NewReader(data[:len(data)-7]))
		if err != nil {
			t.Fatal(err)
		}
		got, err := events(in)
		if !errors.Is(err, lake.ErrCorrupt) || !strings.HasPrefix(err.Error(), name+": ") || !strings.Contains(err.Error(), "cut off") || lake.Hint(err) == "" {
			t.Errorf("%s that was cut must be an error, got %v after %d events", name, err, len(got))
		}
		if err := in.Close(); err != nil {
			t.Errorf("%s says twice that it was cut: %v", name, err)
		}
		for _, e := range got {
			if e != `{"a":1}` {
				t.Fatalf("%s that was cut: half an event came out: %q", name, e)
			}
		}
	}
}

func TestNotEvents(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"csv": "id,name\n1,a\n2,b\n", "parquet": "PAR1....", "zip": "PK\x03\x04....", "bzip2": "BZh91AY", "xz": "\xfd7zXZ\x00", "utf-16": "\xff\xfe{\x00", "bad gzip": "\x1f\x8bnothing",
	} {
		path := filepath.Join(dir, "file")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := client.Open(path); err == nil || (lake.Hint(err) == "" && name != "bad gzip") || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: %v, hint %q", name, err, lake.Hint(err))
		}
	}
	if _, err := client.Open(dir); !errors.Is(err, lake.ErrInvalid) {
		t.Errorf("a directory: %v", err)
	}
	if _, err := client.Open(filepath.Join(dir, "absent")); !errors.Is(err, lake.ErrNotFound) {
		t.Errorf("no file: %v", err)
	}
}

// FuzzInput: however a text is cut, nothing panics, no event has a line break,
// and reading in pieces gives the same events.
func FuzzInput(f *testing.F) {
	for _, s := range []string{"{\"a\":1}\n{\"a\":2}", "[{\"a\":1},2,\"\\\"\"]", "{\n\"a\":1\n}{}", "[1,[2],", "x\n{}", "\xef\xbb\xbf[]", "}}]]"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		read := func(r io.Reader) ([]string, bool) {
			in, err := client.NewInput("fuzz", r)
			if err != nil {
				return nil, false
			}
			out, err := events(in)
			return out, err == nil
		}
		whole, ok := read(bytes.NewReader(text))
		pieces, okPieces := read(iotest.OneByteReader(bytes.NewReader(text)))
		if ok != okPieces || strings.Join(whole, "\n") != strings.Join(pieces, "\n") {
			t.Errorf("at once %q %v, in pieces %q %v", whole, ok, pieces, okPieces)
		}
		for _, e := range whole {
			if strings.Contains(e, "\n") || e == "" {
				t.Errorf("event %q", e)
			}
		}
	})
}
