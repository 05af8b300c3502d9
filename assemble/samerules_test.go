package assemble

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/config"
)

// Events come in under rules that change before they are published again: a
// replay that ingest would read other ids, names or times in is refused.
func TestAReplayUnderOtherRulesIsRefusedAndCountsNothingTwice(t *testing.T) {
	for what, change := range map[string]func(*config.Event){
		"":     func(*config.Event) {},
		"id":   func(e *config.Event) { e.ID = "order" },
		"name": func(e *config.Event) { e.Name = "also" },
		"time": func(e *config.Event) { e.Time = "sent_at" },
	} {
		t.Run("another "+what, func(t *testing.T) {
			dir, now := t.TempDir(), instant(created+100)
			l := openedWith(t, dir, &now, nil)
			bodies := map[string]string{}
			for i := range 3 {
				id := fmt.Sprint(i)
				bodies[id] = fmt.Sprintf(`{"event_uuid":%q,"order":"o%d","event_name":"account:opened","also":"account:closed","created_at":%d,"sent_at":%d}`,
					id, i, created, created-86400)
			}
			bodies["weak"] = fmt.Sprintf(` { "order" : "o9", "event_name":"account\u003aopened", "also":"account:closed", "created_at":"%d", "sent_at":1}`, created)
			sentIn(t, l, now, bodies)
			if err := l.Settle(t.Context()); err != nil {
				t.Fatal(err)
			}
			closed(t, l)

			l = openedWith(t, dir, &now, func(c *config.Config) {
				e := config.DefaultSource().Event
				change(&e)
				c.Sources = map[lake.SourceID]config.Source{"shop": {Event: e}}
			})
			defer closed(t, l)
			_, err := l.Ops()[OpReplay](t.Context(), []byte(`{"to":"stream"}`), func(any) {})
			if what == "" && err != nil || what != "" && (!errors.Is(err, lake.ErrInvalid) || !strings.Contains(err.Error(), "another "+what) || lake.Hint(err) == "") {
				t.Errorf("%v; hint: %s", err, lake.Hint(err))
			}
			if err := l.Settle(t.Context()); err != nil {
				t.Fatal(err)
			}
			onceEach(t, tableIDs(t, l, "account"), len(bodies))
			verified(t, l)
		})
	}
}
