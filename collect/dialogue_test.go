package collect_test

import (
	"bufio"
	"bytes"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/eventlake/lake/collect"
	"github.com/eventlake/lake/serve/api"
)

var update = flag.Bool("update", false, "write the answers of the dialogues anew")

// TestDialogues plays testdata/*.txt: a request as it goes over the wire, a
// line of four dashes, the answer and what came into the stream; dialogues are
// parted by a line of four equal signs. A file's first line chooses the set-up.
func TestDialogues(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatal("no dialogues: ", err)
	}
	for _, name := range files {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".txt"), func(t *testing.T) {
			data, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			first, rest, _ := strings.Cut(string(data), "\n")
			s := build(t, setups(t, first))
			out := []string{}
			for _, d := range strings.Split(rest, "====\n") {
				request, _, _ := strings.Cut(d, "----\n")
				out = append(out, request+"----\n"+s.play(request))
			}
			got := first + "\n" + strings.Join(out, "====\n")
			if *update {
				if err := os.WriteFile(name, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			} else if got != string(data) {
				t.Errorf("the answers changed (-update writes them anew):\n%s", diff(string(data), got))
			}
		})
	}
}

func setups(t *testing.T, line string) func(*collect.Config) {
	switch strings.TrimSpace(line) {
	case "# keys off":
		return nil
	case "# keys on":
		return func(c *collect.Config) { c.Keys = testKeys }
	case "# keys off, any source, pages of https://shop.example":
		return func(c *collect.Config) { c.AnySource, c.Origins = true, []string{"https://shop.example"} }
	}
	t.Fatalf("unknown set-up %q", line)
	return nil
}

// play sends the request (lines end in \n; Content-Length is added) and
// describes what happened.
func (s *setup) play(text string) string {
	s.t.Helper()
	head, body, _ := strings.Cut(strings.TrimLeft(text, "\n"), "\n\n")
	body = strings.TrimSuffix(body, "\n")
	head = strings.ReplaceAll(strings.TrimSuffix(head, "\n"), "\n", "\r\n")
	raw := fmt.Sprintf("%s\r\nHost: lake.test\r\nContent-Length: %d\r\n\r\n%s", head, len(body), body)
	r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(raw)))
	if err != nil {
		s.t.Fatalf("request %q: %v", text, err)
	}
	if r.Header.Get(api.HeaderRequestID) == "" {
		r.Header.Set(api.HeaderRequestID, "req-1")
	}
	w := httptest.NewRecorder()
	s.handler.ServeHTTP(w, r)
	var b strings.Builder
	fmt.Fprintf(&b, "%d %s\n", w.Code, http.StatusText(w.Code))
	for _, k := range slices.Sorted(mapKeys(w.Header())) {
		if k != "Content-Length" {
			fmt.Fprintf(&b, "%s: %s\n", k, strings.Join(w.Header()[k], " | "))
		}
	}
	answer, err := io.ReadAll(w.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	fmt.Fprintf(&b, "\n%s", bytes.ReplaceAll(answer, []byte(`},{`), []byte("},\n {")))
	for _, e := range s.stream.taken() {
		fmt.Fprintf(&b, "-> stream %s %s\n", e.Source, e.Body)
	}
	return b.String()
}

func mapKeys(h http.Header) func(func(string) bool) {
	return func(yield func(string) bool) {
		for k := range h {
			if !yield(k) {
				return
			}
		}
	}
}

func diff(want, got string) string {
	w, g := strings.Split(want, "\n"), strings.Split(got, "\n")
	for i := range max(len(w), len(g)) {
		if i >= len(w) || i >= len(g) || w[i] != g[i] {
			return fmt.Sprintf("line %d\nwant %q\ngot  %q", i+1, strings.Join(w[min(i, len(w)):min(i+3, len(w))], "\n"), strings.Join(g[min(i, len(g)):min(i+3, len(g))], "\n"))
		}
	}
	return ""
}
