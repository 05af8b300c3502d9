package event_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/aws/event"
)

func TestARequestIsReadOnlyAsItIsMeant(t *testing.T) {
	for text, says := range map[string]string{
		`{"from":"a"}`:          "",
		` {"from":"a"} `:        "",
		`{}`:                    "",
		`{"form":"a"}`:          `"form"`,
		`{"from":1}`:            "from",
		`{"from":"a"}{}`:        "behind it",
		`{"from":"a"} x`:        "behind it",
		`{"from":"a"`:           "unexpected EOF",
		``:                      "EOF",
		`["from"]`:              "array",
		`{"from":"a"}` + "\x00": "behind it",
	} {
		var r struct {
			From string `json:"from"`
		}
		err := event.Request([]byte(text), &r)
		if says == "" && err != nil || says != "" && (!errors.Is(err, lake.ErrInvalid) || !strings.Contains(err.Error(), says)) {
			t.Errorf("%q: %v, want %q", text, err, says)
		}
	}
}
