package main

import (
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/assemble"
	"github.com/eventlake/lake/config"
	"github.com/eventlake/lake/local/keys"
)

// completed returns what a shell is offered behind a command line.
func completed(t *testing.T, line ...string) (words []string, directive string) {
	t.Helper()
	var out bytes.Buffer
	a := &app{in: strings.NewReader(""), out: &out, err: io.Discard}
	if code := a.run(t.Context(), append([]string{"__complete"}, line...)); code != exitOK {
		t.Fatalf("%v: exit %d", line, code)
	}
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	for _, l := range lines[:len(lines)-1] {
		word, _, _ := strings.Cut(l, "\t")
		words = append(words, word)
	}
	return words, lines[len(lines)-1]
}

func TestAShellIsOfferedTheValuesThatFlagsTake(t *testing.T) {
	t.Chdir(t.TempDir())
	none, files, dirs := fmt.Sprintf(":%d", cobra.ShellCompDirectiveNoFileComp), fmt.Sprintf(":%d", cobra.ShellCompDirectiveDefault), fmt.Sprintf(":%d", cobra.ShellCompDirectiveFilterDirs)
	for _, tt := range []struct {
		line, words, directive string
	}{
		{"sql --format |", "table csv json ndjson parquet", none},
		{"sql --output |", "", files},
		{"sql |", "", none},
		{"keys create --role |", "write read admin", none},
		{"keys create --note |", "", none},
		{"status --log-level |", "debug info warn error", none},
		{"up --log-format |", "text json", none},
		{"up --data |", "", dirs},
		{"up --config |", "", files},
		{"up |", "", none},
		{"send |", "", files},
		{"send --batch |", "", none},
		{"init |", "", files},
		{"replay --to |", "stream -", files},
		{"rebuild --to |", "", none},
		{"quarantine list --since |", "", none},
		{"rebuild --type |", "", none}, // there is no lake
		{"keys revoke |", "", none},
		{"compact --table |", "", none},
	} {
		words, directive := completed(t, strings.Split(strings.TrimSuffix(tt.line, "|"), " ")...)
		if strings.Join(words, " ") != tt.words || directive != tt.directive {
			t.Errorf("%s: %q %s", tt.line, words, directive)
		}
	}
	if made, err := os.ReadDir("."); err != nil || len(made) > 0 {
		t.Errorf("completing a line has made %v, %v", made, err)
	}
}

func TestAShellIsOfferedWhatIsInTheLake(t *testing.T) {
	t.Chdir(t.TempDir())
	if err := os.WriteFile("lake.yaml", []byte("sources:\n  shop: {}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg := config.Default()
	cfg.Data = "lake-data"
	l, err := assemble.Open(t.Context(), cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	body := `{"event_uuid":"1","event_name":"Account:x","created_at":"2026-03-01"}`
	if err := l.Stream.Append(t.Context(), []lake.Event{{ID: lake.ID{1}, Source: "shop", Received: lake.SystemClock(), Body: []byte(body)}}); err != nil {
		t.Fatal(err)
	}
	if err := l.Settle(t.Context()); err != nil {
		t.Fatal(err)
	}
	_, key, err := l.Keys.Create("shop", keys.Write, "web")
	if err != nil {
		t.Fatal(err)
	}
	_, gone, err := l.Keys.Create("shop", keys.Write, "old")
	if err == nil {
		_, err = l.Keys.Revoke(gone.ID)
	}
	if err != nil {
		t.Fatal(err)
	}
	for _, after := range []func() error{l.Close, nil} { // while it runs, and when it does not
		for line, want := range map[string]string{
			"keys revoke |": key.ID, "keys revoke " + key.ID + " |": "", "compact --table |": "account", "rebuild --type |": "Account",
			"replay --type |": "Account", "send --source |": "shop",
		} {
			if words, _ := completed(t, strings.Split(strings.TrimSuffix(line, "|"), " ")...); strings.Join(words, " ") != want {
				t.Errorf("%s: %q, want %q", line, words, want)
			}
		}
		if after != nil {
			if err := after(); err != nil {
				t.Fatal(err)
			}
		}
	}
}
