package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"unicode"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/assemble"
	"github.com/eventlake/lake/curate"
	"github.com/eventlake/lake/replay"
)

// TestEventsDoNotSpeakToTheTerminal shows names and bodies with whatever a
// terminal obeys: it has to see them spelled out.
func TestEventsDoNotSpeakToTheTerminal(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"plain é 日本 😀", "plain é 日本 😀"},
		{"\x1b[31mred\x07", `\x1b[31mred\a`},
		{"c1 \u009b2J and \u202eabc", `c1 \u009b2J and \u202eabc`},
		{"two\r\nlines\tof it", "two  lines of it"},
		{"not \xff text", "not \ufffd text"},
	} {
		if got := visible(c.text); got != c.want {
			t.Errorf("%q is shown as %q, want %q", c.text, got, c.want)
		}
		var out bytes.Buffer
		p := tailPrinter{out: bufio.NewWriter(&out)}
		e := assemble.TailEvent{Type: c.text, Subtype: c.text, Body: c.text}
		if err := p.text(&e); err != nil {
			t.Fatal(err)
		}
		if err := p.out.Flush(); err != nil {
			t.Fatal(err)
		}
		if i := strings.IndexFunc(strings.TrimSuffix(out.String(), "\n"), unicode.IsControl); i >= 0 {
			t.Errorf("%q: a control character at byte %d of %q", c.text, i, out.String())
		}
	}
}

// TestScriptsGetTheDaysOfARebuildAsDates: inside the lake a day is a number.
func TestScriptsGetTheDaysOfARebuildAsDates(t *testing.T) {
	day, err := lake.ParseDay("2026-10-01")
	if err != nil {
		t.Fatal(err)
	}
	done := []replay.Rebuilt{{Table: "account", Rows: 7, Difference: curate.Difference{
		ColumnsAdded: []string{"plan"}, Days: []curate.DayDiff{{Day: day, Type: "account", Before: 2, After: 3, Added: 1}},
	}}, {Table: "empty"}}
	b, err := json.Marshal(withDates(done))
	if err != nil {
		t.Fatal(err)
	}
	var got []struct {
		Table      string
		Rows       int
		Difference struct {
			ColumnsAdded []string `json:"columns_added"`
			Days         []struct {
				Day, Type     string
				Before, After int
			}
		}
	}
	if err := json.Unmarshal(b, &got); err != nil {
		t.Fatalf("%v in %s", err, b)
	}
	if len(got) != 2 || got[0].Table != "account" || got[0].Rows != 7 || len(got[0].Difference.ColumnsAdded) != 1 || len(got[0].Difference.Days) != 1 {
		t.Fatalf("%s", b)
	}
	if d := got[0].Difference.Days[0]; d.Day != "2026-10-01" || d.Type != "account" || d.Before != 2 || d.After != 3 {
		t.Errorf("%+v in %s", d, b)
	}
}
