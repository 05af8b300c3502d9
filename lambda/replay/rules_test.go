package replay_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/raw"
	"github.com/eventlake/lake/transform"
)

// Events come in under rules that change before they are published again: what
// ingest would read another id, name or time in is refused, for it could count
// twice.
func TestEventsThatTodaysRulesReadOtherwiseAreNotPublished(t *testing.T) {
	path := func(text string) transform.Path {
		p, err := transform.ParsePath(text)
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	for what, change := range map[string]func(*transform.Mapping){
		"":     func(*transform.Mapping) {},
		"id":   func(m *transform.Mapping) { m.ID = path("order") },
		"name": func(m *transform.Mapping) { m.Name = path("also") },
		"time": func(m *transform.Mapping) { m.Time = path("sent_at") },
	} {
		t.Run("another "+what, func(t *testing.T) {
			r := newRig(t)
			var lines []byte
			var row transform.Row
			for n := range uint64(2) {
				body := fmt.Appendf(nil, `{"event_uuid":"%d","order":"o%d","event_name":"account:x","also":"account:y","created_at":1780315200,"sent_at":1780315100}`, n, n)
				if no := r.rules.Scanner().Scan("web", body, noon, &row); no != nil {
					t.Fatal(no)
				}
				lines = raw.Append(lines, body, &raw.Fields{ID: row.ID, Type: row.Type, Subtype: row.Subtype, Created: row.Created,
					Source: "web", Shard: "shardId-0", Position: lake.Pos(n + 1), Received: noon})
			}
			r.file(lake.Partition{Name: lake.Name{Type: "account", Subtype: "x"}, Day: row.Created.Day()}, lines)

			m := transform.DefaultMapping()
			change(&m)
			var err error
			if r.rules, err = transform.New(m); err != nil {
				t.Fatal(err)
			}
			if what == "" {
				if report := r.invoke(`{"target":"stream"}`); !report.Finished || report.Published.Events != 2 {
					t.Errorf("%+v", report)
				}
				return
			}
			_, err = r.handler.Invoke(t.Context(), []byte(`{"target":"stream"}`))
			if !errors.Is(err, lake.ErrInvalid) || !strings.Contains(err.Error(), "another "+what) || !strings.Contains(lake.Hint(err), "sources.web") {
				t.Errorf("%v; hint: %s", err, lake.Hint(err))
			}
			if len(r.target.ids) > 0 || len(r.again) > 0 {
				t.Errorf("published %v, handed on %v", r.target.ids, r.again)
			}
		})
	}
}
