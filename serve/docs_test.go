package serve_test

import (
	"context"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/collect"
	"github.com/eventlake/lake/local/disk"
	"github.com/eventlake/lake/local/keys"
	"github.com/eventlake/lake/serve"
	"github.com/eventlake/lake/serve/api"
	"github.com/eventlake/lake/transform"
)

// TestExamplesOfTheReference runs the console examples of docs/http.md, each
// line after "$ ", and compares what they print with what stands below them.
// Port 8080 there is a lake without keys, 8081 one with keys and a full disk.
func TestExamplesOfTheReference(t *testing.T) {
	for _, tool := range []string{"bash", "curl", "gzip"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Fatalf("the examples need %s: %v", tool, err)
		}
	}
	doc, err := os.ReadFile("../docs/http.md")
	if err != nil {
		t.Fatal(err)
	}
	store, err := keys.Open(disk.OS{}, t.TempDir(), keys.Options{})
	if err != nil {
		t.Fatal(err)
	}
	secret, _, err := store.Create("web", keys.Write, "")
	if err != nil {
		t.Fatal(err)
	}
	open := example(t, nil, nil)
	keyed := example(t, func(s string) (api.Caller, error) {
		k, err := store.Authenticate(s)
		return api.Caller{Key: k.ID, Source: k.Source, Role: api.Role(k.Role)}, err
	}, lake.Errorf(lake.ErrFull, "free some space, or lower limits.disk_free", "1.1 GB of disk are free, 2 GB are kept back"))
	ports := strings.NewReplacer("localhost:8080", open.Addr(), "localhost:8081", keyed.Addr())
	ids := regexp.MustCompile(`"request_id":"[^"]*"`)
	n := 0
	for _, block := range regexp.MustCompile("(?s)```console\n(.*?)```").FindAllStringSubmatch(string(doc), -1) {
		for _, part := range strings.Split(block[1], "$ ")[1:] {
			command, want, _ := strings.Cut(part, "\n")
			cmd := exec.Command("bash", "-c", ports.Replace(command))
			cmd.Env = append(os.Environ(), "KEY="+secret, "no_proxy=*")
			out, err := cmd.Output()
			if err != nil {
				t.Fatalf("%s: %v", command, err)
			}
			if got := ids.ReplaceAllString(string(out), `"request_id":"r1"`); got != want {
				t.Errorf("%s\nprints  %s\nwritten %s", command, got, want)
			}
			n++
		}
	}
	if n < 10 {
		t.Errorf("only %d examples found", n)
	}
}

// example runs a lake whose stream takes everything and keeps nothing.
func example(t *testing.T, auth api.Authenticator, full error) *serve.Server {
	t.Helper()
	how, err := transform.New(transform.DefaultMapping())
	if err != nil {
		t.Fatal(err)
	}
	h, err := collect.New(collect.Config{
		Stream: sink{}, Keys: auth, Sources: func(lake.SourceID) *transform.Transformer { return how },
		Clock: func() lake.Instant { return 1_768_471_210_000_000 }, // 2026-01-15T10:00:10Z
	})
	if err != nil {
		t.Fatal(err)
	}
	return start(t, serve.Config{
		Routes: map[string]http.Handler{"/v1/events": h},
		Checks: map[string]func(context.Context) error{"disk": func(context.Context) error { return full }},
	})
}

type sink struct{ lake.Stream }

func (sink) Append(context.Context, []lake.Event) error { return nil }
