package curate_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/eventlake/lake/curate"
	"github.com/eventlake/lake/laketest/fault"
)

// TestACuratorThatIsKilledComesOn kills every curator long before it could have
// taken in the backlog: 40 spans of days of their own. Each begins with little,
// so each has committed something.
func TestACuratorThatIsKilledComesOn(t *testing.T) {
	const spans, calls = 40, 20
	r := newRig(t)
	for i := range spans {
		day := start.Add(-time.Duration(i) * 24 * time.Hour)
		r.span(event{body: fmt.Sprintf(`{"n":%d}`, i), created: day, received: start})
	}
	for life := 1; ; life++ {
		g := fault.NewGate(fault.Plan{Call: calls, Side: fault.Before, Crash: true})
		cur := r.curator(func(c *curate.Config) {
			c.Store, c.Catalog, c.Backlog = fault.Store(g, r.store), fault.Catalog(g, r.catalog), fault.Ledger(g, r.ledger)
			c.Limits = curate.Limits{CycleFiles: 4}
		})
		_, err := cur.Once(t.Context())
		if err == nil {
			t.Logf("done in life %d", life)
			break
		}
		if !g.Dead() {
			t.Fatal(err)
		}
		if files := len(r.table("order").Files); files < min(spans, 4*life) {
			t.Fatalf("after life %d the table has %d files", life, files)
		}
	}
	var rows int64
	for _, f := range r.table("order").Files {
		rows += f.Rows
	}
	if rows != spans {
		t.Errorf("%d rows of %d", rows, spans)
	}
	want, err := r.ledger.Pending(t.Context())
	if err != nil || len(want) != 0 {
		t.Errorf("pending %v, %v", want, err)
	}
}
