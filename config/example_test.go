package config_test

import (
	"os"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/eventlake/lake/config"
)

func TestExampleChangesNothing(t *testing.T) {
	if c := load(t, config.Example(), nil, nil); !reflect.DeepEqual(c, config.Default()) {
		t.Errorf("got %+v", c)
	}
}

func TestExampleUncommentedIsTheDefaults(t *testing.T) {
	text := regexp.MustCompile(`(?m)^#`).ReplaceAllString(config.Example(), "")
	c := load(t, text, nil, nil)
	if c.Sources["github"].Event.Subtype != "payload.action" {
		t.Errorf("the example source was not read: %+v", c.Sources)
	}
	c.Sources = nil
	if c.CORS.Origins != nil && len(c.CORS.Origins) == 0 {
		c.CORS.Origins = nil
	}
	if !reflect.DeepEqual(c, config.Default()) {
		t.Errorf("got %+v\nwant %+v", c, config.Default())
	}
}

func TestDocumentHasEveryKey(t *testing.T) {
	doc, err := os.ReadFile("../docs/configuration.md")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.SplitSeq(config.Reference(), "\n") {
		if !strings.Contains(string(doc), line) {
			t.Errorf("docs/configuration.md lacks this line (make docs writes it):\n%s", line)
		}
	}
	for _, key := range config.AllKeys() {
		if !strings.Contains(config.Reference(), "`"+key+"`") {
			t.Errorf("the reference lacks %s", key)
		}
	}
}
