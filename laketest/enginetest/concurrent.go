package enginetest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"testing"

	"github.com/eventlake/lake"
)

// concurrent lets readers count while a writer replaces all files again and
// again and deletes the old ones after one more round, as compaction does.
// Every answer must be one of a whole snapshot.
func concurrent(t *testing.T, tables *Tables, e lake.Engine) {
	const rounds, readers, rows = 20, 4, 100
	var old, live []lake.DataFile
	swap := func() {
		var add []lake.DataFile
		for d := range lake.Day(3) {
			add = append(add, write(t, tables, "push", firstDay+d, numbers("push", firstDay+d, rows)))
		}
		tables.commit(t, "push", numberColumns(), add, live)
		for _, f := range old {
			if err := os.Remove(tables.path(f.Key)); err != nil {
				t.Error(err)
			}
		}
		old, live = live, add
	}
	swap()
	ctx, stop := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	for r := range readers {
		wg.Go(func() {
			for n := 0; ctx.Err() == nil || n == 0; n++ {
				sql, want := "SELECT count(*) FROM push", fmt.Sprint(3*rows)
				if r%2 == 1 {
					sql, want = "SELECT count(*) FROM events WHERE day = '2021-06-23'", fmt.Sprint(rows)
				}
				got, err := ask(t, e, sql)
				if err != nil {
					// Two swaps in one query are more than a grace period allows.
					if errors.Is(err, lake.ErrInvalid) {
						t.Error(err)
					}
					continue
				}
				if len(got) != 1 || got[0] != want {
					t.Errorf("%s: got %q, want %s", sql, got, want)
				}
			}
		})
	}
	for range rounds {
		swap()
	}
	stop()
	wg.Wait()
	Expect(t, e, "SELECT count(*) FROM push", fmt.Sprint(3*rows))
}
