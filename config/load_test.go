package config_test

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/config"
	"github.com/eventlake/lake/transform"
)

// write puts text into a lake.yaml and returns its path.
func write(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "lake.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// load loads text and wants no problem.
func load(t *testing.T, text string, env []string, flags config.Overrides) config.Config {
	t.Helper()
	c, err := config.Load(write(t, text), env, flags)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// problems loads text and returns what was wrong, one a line, with the file's
// directory taken off.
func problems(t *testing.T, text string, env []string, flags config.Overrides) []string {
	t.Helper()
	path := write(t, text)
	_, err := config.Load(path, env, flags)
	if err == nil {
		return nil
	}
	if !errors.Is(err, lake.ErrInvalid) {
		t.Fatalf("the error is not ErrInvalid: %v", err)
	}
	return strings.Split(strings.ReplaceAll(err.Error(), filepath.Dir(path)+string(filepath.Separator), ""), "\n")
}

func TestLaterLayersWin(t *testing.T) {
	const text = "listen: 127.0.0.1:1\nstream:\n  shards: 2\n  retention: 2d\n"
	c := load(t, text, []string{"LAKE_LISTEN=127.0.0.1:2", "LAKE_STREAM_SHARDS=3", "HOME=/x"}, config.Overrides{"listen": "127.0.0.1:3"})
	if c.Listen != "127.0.0.1:3" {
		t.Errorf("a flag must win: listen %s", c.Listen)
	}
	if c.Stream.Shards != 3 {
		t.Errorf("the environment must win over the file: shards %d", c.Stream.Shards)
	}
	if c.Stream.Retention != 48*time.Hour {
		t.Errorf("the file must win over the default: retention %s", c.Stream.Retention)
	}
	if want := config.Default().Raw; c.Raw != want {
		t.Errorf("raw %+v, want the defaults %+v", c.Raw, want)
	}
}

func TestNoFileIsTheDefaults(t *testing.T) {
	t.Chdir(t.TempDir())
	c, err := config.Load("", nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	if c.Stream != config.Default().Stream {
		t.Errorf("got %+v", c.Stream)
	}
	if _, err := config.Load("absent.yaml", nil, nil); !errors.Is(err, lake.ErrNotFound) || lake.Hint(err) == "" {
		t.Errorf("a named file that is not there: %v", err)
	}
}

func TestEveryProblemAtOnce(t *testing.T) {
	got := problems(t, `
listen: 8080
stream:
  shrads: 4
  retention: 7 days
  segment_size: 12 parsecs
  shards: many
  shards: 2
limits: [1, 2]
claims:
  ttl: 10s
keys:
  required: sometimes
raw:
  level: 11
flush_age: 1s
sources:
  Git Hub:
    event: {id: id, tiem: created_at}
  web:
    event:
      name: event
      type: type
`, []string{"LAKE_QUERY_ROWS=0"}, config.Overrides{"log.level": "loud"})
	want := []string{
		`lake.yaml:2: listen: expected text, found the number 8080 (put it in quotes if it is meant)`,
		`lake.yaml:4: stream.shrads: unknown key (did you mean "shards"?)`,
		`lake.yaml:5: stream.retention: cannot read the duration "7 days" (write a duration as 500ms, 30s, 10m, 1h or 7d)`,
		`lake.yaml:6: stream.segment_size: cannot read the size "12 parsecs" (write a size as 512KiB, 64MiB or 2GiB)`,
		`lake.yaml:7: stream.shards: "many" is not a whole number (write digits only, e.g. 1000)`,
		`lake.yaml:8: stream.shards: the key is there twice, first in line 7 (keep one of them)`,
		`lake.yaml:9: limits: expected a section, found a list (write keys below it, indented by two spaces)`,
		`lake.yaml:11: claims.ttl: 10s is out of bounds (use at least 1m)`,
		`lake.yaml:13: keys.required: "sometimes" is not allowed (use one of auto, on, off)`,
		`lake.yaml:15: raw.level: 11 is out of bounds (use at most 9)`,
		`lake.yaml:16: flush_age: unknown key here (it belongs to the section "ingest")`,
		`lake.yaml:18: sources.Git Hub: the name "Git Hub" is not allowed (use a-z, 0-9, '-', '_' and '.', at most 64 characters, not starting with '.')`,
		`lake.yaml:19: sources.Git Hub.event.tiem: unknown key (did you mean "time"?)`,
		`lake.yaml:22: sources.web.event.name: name and type are both set (keep name where one field holds "type:subtype", type and subtype where they are apart)`,
		`environment LAKE_QUERY_ROWS: query.rows: 0 is out of bounds (use at least 1)`,
		`--log-level: log.level: "loud" is not allowed (use one of debug, info, warn, error)`,
	}
	if g, w := strings.Join(got, "\n"), strings.Join(want, "\n"); g != w {
		t.Errorf("got\n%s\nwant\n%s", g, w)
	}
}

func TestEveryProblemOfAMappingAtOnce(t *testing.T) {
	got := problems(t, `
sources:
  web:
    event: {id: a..b, name: x, type: y, time: "c..d", default_subtype: ""}
  app:
    event:
      subtype: "x..y"
      default_type: `+strings.Repeat("t", 300)+`
`, nil, nil)
	want := []string{
		`lake.yaml:4: sources.web.event.id: path "a..b": key 2 is empty`,
		`lake.yaml:4: sources.web.event.time: path "c..d": key 2 is empty`,
		`lake.yaml:4: sources.web.event.name: name and type are both set`,
		`lake.yaml:3: sources.web.event: default subtype ""`,
		`lake.yaml:7: sources.app.event.subtype: path "x..y": key 2 is empty`,
		`lake.yaml:5: sources.app.event: default type "ttt`,
	}
	if len(got) != len(want) {
		t.Errorf("%d problems, want %d:\n%s", len(got), len(want), strings.Join(got, "\n"))
	}
	for _, w := range want {
		if !slices.ContainsFunc(got, func(g string) bool { return strings.HasPrefix(g, w) }) {
			t.Errorf("missing %s in\n%s", w, strings.Join(got, "\n"))
		}
	}
}

// TestCertificatesAreLookedAtByWhoServes: other commands may not be able to
// read the key.
func TestCertificatesAreLookedAtByWhoServes(t *testing.T) {
	dir := t.TempDir()
	junk := filepath.Join(dir, "junk.pem")
	if err := os.WriteFile(junk, []byte("junk"), 0o600); err != nil {
		t.Fatal(err)
	}
	absent := filepath.Join(dir, "absent.pem")
	for text, want := range map[string][]string{
		"tls:\n  cert: " + absent + "\n  key: " + junk + "\nclaims: {ttl: 1h}\n": {"lake.yaml:2: tls.cert: there is no file " + absent + " (write", "lake.yaml:4: claims.ttl: "},
		"tls:\n  cert: " + absent + "\n  key: " + absent + "\n":                  {"lake.yaml:2: tls.cert: there is no file", "lake.yaml:3: tls.key: there is no file"},
		"tls:\n  cert: " + junk + "\n  key: " + dir + "\n":                       {"lake.yaml:3: tls.key: "},
		"tls:\n  cert: " + junk + "\n  key: " + junk + "\n":                      {"lake.yaml:2: tls.cert: " + junk + " and " + junk + " are no certificate and its key: "},
	} {
		path := write(t, text)
		_, err := config.LoadToServe(path, nil, nil)
		var all config.Problems
		if !errors.As(err, &all) || len(all) != len(want) {
			t.Errorf("%s: %v", text, err)
			continue
		}
		for i, p := range all {
			if got := strings.TrimPrefix(p.String(), filepath.Dir(path)+string(filepath.Separator)); !strings.HasPrefix(got, want[i]) || p.Hint == "" {
				t.Errorf("%s, want %s", got, want[i])
			}
		}
		if _, err := config.Load(path, nil, nil); len(want) == 1 && err != nil {
			t.Errorf("a command that serves nothing: %v", err)
		}
	}
}

func TestOneProblem(t *testing.T) {
	for name, c := range map[string]struct{ text, want string }{
		"tab":                     {"stream:\n\tshards: 4\n", "lake.yaml:2: found character"},
		"unclosed quote":          {"data: \"x\nlisten: y\n", "lake.yaml:"},
		"two documents":           {"data: a\n---\ndata: b\n", "lake.yaml:2: a second document"},
		"a list at the top":       {"- data\n", "lake.yaml:1: expected a section, found a list"},
		"open without keys":       {"listen: 0.0.0.0:80\nkeys:\n  required: off\n", "lake.yaml:3: keys.required: keys can be off only on a loopback"},
		"port out of range":       {"listen: 127.0.0.1:70000\n", "lake.yaml:1: listen:"},
		"half a TLS pair":         {"tls:\n  cert: a.pem\n", "lake.yaml:2: tls.cert: a certificate without a key"},
		"origin with a path":      {"cors:\n  origins:\n    - https://a.example/x\n", "cors.origins: \"https://a.example/x\" is no origin"},
		"ids forgotten too soon":  {"claims:\n  ttl: 1h\n", "lake.yaml:2: claims.ttl: ids are forgotten (1h) before"},
		"subtype without type":    {"sources:\n  a:\n    event:\n      subtype: x\n", "sources.a.event.subtype: a subtype without a type"},
		"a section for a value":   {"data:\n  dir: x\n", "lake.yaml:2: data: expected a value, found a section"},
		"a value for a section":   {"stream: 4\n", `lake.yaml:1: stream: expected a section, found "4"`},
		"no default subtype":      {"sources:\n  a:\n    event:\n      default_subtype: ''\n", "lake.yaml:2: sources.a.event: default subtype"},
		"an empty key in a path":  {"sources:\n  a:\n    event:\n      id: a..b\n", `lake.yaml:4: sources.a.event.id: path "a..b": key 2 is empty (write the keys with dots`},
		"a path without end":      {"sources:\n  a:\n    event:\n      time: 'a\\'\n", "lake.yaml:4: sources.a.event.time: path"},
		"no time":                 {"sources:\n  a:\n    event:\n      time: ''\n", "lake.yaml:4: sources.a.event.time: path"},
		"bad date":                {"sources:\n  a:\n    event:\n      earliest: long ago\n", "lake.yaml:4: sources.a.event.earliest: cannot read the date"},
		"a level out of bounds":   {"raw:\n  level: 0\n", "lake.yaml:2: raw.level: 0 is out of bounds"},
		"too little for requests": {"limits:\n  memory: 40MiB\n", "lake.yaml:2: limits.memory: 40MiB is less than 8 requests of limits.request_bytes (10MiB) (raise it to 80MiB, or lower"},
		"a request over a body":   {"limits:\n  request_bytes: 11MiB\n", "lake.yaml:2: limits.request_bytes: 11MiB is out of bounds (use at most 10MiB)"},
	} {
		t.Run(name, func(t *testing.T) {
			got := problems(t, c.text, nil, nil)
			if len(got) != 1 || !strings.Contains(got[0], c.want) {
				t.Errorf("got %q, want one problem with %q", got, c.want)
			}
		})
	}
}

func TestOnAndOffNeedNoQuotes(t *testing.T) {
	for text, want := range map[string]bool{"on": true, "off": false, "auto": false, "'on'": true} {
		if got := load(t, "keys:\n  required: "+text+"\n", nil, nil).KeysRequired(); got != want {
			t.Errorf("keys.required %s on loopback: %v", text, got)
		}
	}
	if !load(t, "listen: ':8080'\n", nil, nil).KeysRequired() {
		t.Error("auto must require keys where others can connect")
	}
}

func TestUnknownVariableWarns(t *testing.T) {
	c := load(t, "", []string{"LAKE_STREAM_SHARD=2", "LAKE_URL=http://x", "LAKE_SERVICE_HOST=10.0.0.1"}, nil)
	if len(c.Warnings) != 2 || !strings.Contains(c.Warnings[0], "did you mean LAKE_STREAM_SHARDS?") {
		t.Errorf("warnings %q", c.Warnings)
	}
}

func TestSourceKeepsWhatItDoesNotName(t *testing.T) {
	c := load(t, "sources:\n  github:\n    event: {id: id, type: type, subtype: payload.action, time: created_at}\n  app:\n", nil, nil)
	e, d := c.Sources["github"].Event, config.DefaultSource().Event
	if e.Name != "" || e.Type != "type" || e.Subtype != "payload.action" || e.Earliest != d.Earliest || e.Future != d.Future {
		t.Errorf("github: %+v", e)
	}
	if c.Sources["app"].Event != d {
		t.Errorf("a source without keys must have the default mapping: %+v", c.Sources["app"].Event)
	}
}

func TestMappings(t *testing.T) {
	c := load(t, "limits: {depth: 9}\nsources:\n  github:\n    event: {id: id, type: type, subtype: payload.action, time: 'a\\.b.c'}\n", nil, nil)
	m := c.Mappings()["github"]
	if m.MaxDepth != 9 || m.Type.String() != "type" || !slices.Equal(m.Subtype, transform.Path{"payload", "action"}) || !slices.Equal(m.Time, transform.Path{"a.b", "c"}) {
		t.Errorf("github: %+v", m)
	}
	if got, want := config.Default().Mappings()[lake.DefaultSource], transform.DefaultMapping(); !reflect.DeepEqual(got, want) {
		t.Errorf("default source: %+v, want %+v", got, want)
	}
}

// TestTheLargestRequestIsTheLargestBody: a bound that the collector or the
// stream would lower in silence is no bound.
func TestTheLargestRequestIsTheLargestBody(t *testing.T) {
	c := load(t, "limits:\n  request_bytes: 10MiB\n", nil, nil)
	if c.Limits.RequestBytes != lake.MaxBody {
		t.Errorf("the largest request is %s, a body may have %d bytes", c.Limits.RequestBytes, lake.MaxBody)
	}
}
