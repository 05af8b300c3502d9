package client_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/client"
)

func TestResumeGoesOnWhereItWas(t *testing.T) {
	s := newServer(t)
	path := filepath.Join(t.TempDir(), "events.ndjson")
	put := func(text string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	events := func(url string) int64 {
		t.Helper()
		r, err := client.LoadResume(path, url)
		if err != nil {
			t.Fatal(err)
		}
		return r.Events()
	}
	put(numbered(100))
	r, err := client.LoadResume(path, s.URL)
	if err != nil || r.Events() != 0 {
		t.Fatalf("%d, %v", r.Events(), err)
	}
	if err := r.Save(60); err != nil {
		t.Fatal(err)
	}
	put(numbered(120)) // it grew
	if n := events(s.URL); n != 60 {
		t.Errorf("a file that grew goes on at %d, want 60", n)
	}
	if n := events("http://other"); n != 0 {
		t.Errorf("another lake has none of it, got %d", n)
	}
	in, err := client.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := client.Skip(in, 60); err != nil {
		t.Fatal(err)
	}
	report, err := newClient(t, client.Options{URL: s.URL}).Send(t.Context(), in, client.Hooks{})
	if err := errors.Join(err, in.Close()); err != nil || report.Accepted != 60 || s.got[`{"n":59}`] != 0 || s.got[`{"n":60}`] != 1 {
		t.Errorf("report %+v, %v", report, err)
	}
	put(strings.Replace(numbered(120), "0", "7", 1))
	if n := events(s.URL); n != 0 {
		t.Errorf("another file of the same name begins at %d", n)
	}
	if err := os.WriteFile(path+".lake-sent", []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := client.LoadResume(path, s.URL); !errors.Is(err, lake.ErrCorrupt) || lake.Hint(err) == "" {
		t.Errorf("damaged state: %v", err)
	}
	if err := r.Done(); err != nil {
		t.Fatal(err)
	}
	if n := events(s.URL); n != 0 {
		t.Errorf("after Done: %d", n)
	}
}
