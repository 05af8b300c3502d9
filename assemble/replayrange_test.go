package assemble

import (
	"encoding/json"
	"errors"
	"fmt"
	"testing"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/replay"
)

func TestAReplayPublishesTheRangeThatIsAskedForOrSaysThatThereIsNone(t *testing.T) {
	now := instant(created + 100)
	l := openedWith(t, t.TempDir(), &now, nil)
	defer closed(t, l)
	sentIn(t, l, now, map[string]string{"1": fmt.Sprintf(`{"event_uuid":"1","event_name":"account:opened","created_at":%d}`, created)})
	if err := l.Settle(t.Context()); err != nil {
		t.Fatal(err)
	}
	epoch := lake.Instant(0)
	for _, tt := range []struct {
		r     replay.Range
		want  int64
		error error
	}{
		{replay.Range{}, 1, nil},
		{replay.Range{Types: []string{"Account"}}, 1, nil},
		{replay.Range{From: &epoch}, 1, nil},
		{replay.Range{To: &epoch}, 0, nil},
		{replay.Range{Types: []string{"account", "nosuch"}}, 0, lake.ErrNotFound},
		{replay.Range{Sources: []lake.SourceID{"nosuch"}}, 0, lake.ErrNotFound},
	} {
		args, err := json.Marshal(ReplayArgs{Range: tt.r, To: "emit"})
		if err != nil {
			t.Fatal(err)
		}
		done, err := l.Ops()[OpReplay](t.Context(), args, func(any) {})
		if !errors.Is(err, tt.error) || tt.error != nil && lake.Hint(err) == "" {
			t.Errorf("%s: %v, hint %q", args, err, lake.Hint(err))
		}
		if err == nil && done.(replay.Published).Events != tt.want {
			t.Errorf("%s: %+v", args, done)
		}
	}
}
