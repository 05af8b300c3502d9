package assemble

import (
	"fmt"
	"testing"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/audit"
)

func TestOnlyWhatIsNotDecidedAndNotRecordedIsALoss(t *testing.T) {
	span := func(after, to uint64) lake.Span { return lake.Span{After: lake.Pos(after), To: lake.Pos(to)} }
	for name, c := range map[string]struct {
		recorded  []lake.Span
		committed uint64
		gaps      []lake.Span
		want      string
	}{
		"a gap ahead of ingest":             {nil, 10, []lake.Span{span(20, 30)}, "[(20..30]]"},
		"a gap that was decided":            {nil, 30, []lake.Span{span(20, 30)}, "[]"},
		"a gap that was decided in part":    {nil, 25, []lake.Span{span(20, 30)}, "[(25..30]]"},
		"recorded before":                   {[]lake.Span{span(20, 30)}, 10, []lake.Span{span(20, 30)}, "[]"},
		"grown at both ends":                {[]lake.Span{span(20, 30)}, 10, []lake.Span{span(15, 40)}, "[(15..20] (30..40]]"},
		"two recorded ones became one gap":  {[]lake.Span{span(30, 35), span(20, 25)}, 10, []lake.Span{span(20, 40)}, "[(25..30] (35..40]]"},
		"next to a recorded one":            {[]lake.Span{span(20, 30)}, 10, []lake.Span{span(30, 31)}, "[(30..31]]"},
		"two gaps, one recorded, one ahead": {[]lake.Span{span(20, 30)}, 10, []lake.Span{span(20, 30), span(50, 60)}, "[(50..60]]"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			var old []audit.Loss
			for _, s := range c.recorded {
				old = append(old, audit.Loss{Shard: "shard-000", Span: s})
			}
			old = append(old, audit.Loss{Shard: "shard-001", Span: span(0, 1000)}) // another shard's says nothing
			if err := writeLosses(dir, old); err != nil {
				t.Fatal(err)
			}
			gaps := map[lake.ShardID][]lake.Span{"shard-000": c.gaps}
			at := map[lake.ShardID]lake.Position{"shard-000": lake.Pos(c.committed)}
			_, added, err := noteLosses(dir, gaps, at)
			if err != nil {
				t.Fatal(err)
			}
			got := []string{}
			for _, l := range added {
				got = append(got, l.Span.String())
				if want := between(l.Span.After, l.Span.To); l.Records != want {
					t.Errorf("%d records in %s", l.Records, l.Span)
				}
			}
			if fmt.Sprint(got) != c.want {
				t.Errorf("%v, want %s", got, c.want)
			}
			if _, again, err := noteLosses(dir, gaps, at); err != nil || len(again) > 0 {
				t.Errorf("a repeat finds %v, %v", again, err)
			}
		})
	}
}
