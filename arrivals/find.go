package arrivals

import (
	"context"
	"time"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/raw"
)

// Window is how far back objects are looked for, and how long the ledger names
// them after they are in their tables. A notification that comes later finds
// its object again only after curate has it, and is then read for nothing.
const Window = 3 * 24 * time.Hour

// findKey holds where the next Find goes on.
const findKey lake.Key = "ledger/find/after.json"

// Find lists raw and quarantine objects that were written in the Window before
// now, for those whose notification was lost. What is set aside and has not
// been written since is left out. It ends when the context does or it has
// listed a million objects, and the next one goes on from there, whatever
// process makes it, round and round; finished reports that it came to the end.
func Find(ctx context.Context, store lake.Store, now lake.Instant) (found []lake.Info, finished bool, err error) {
	aside, err := Asides(ctx, store)
	if err != nil {
		return nil, false, err
	}
	finished, err = listOn(ctx, store, findKey, []lake.Key{"quarantine/", raw.Root}, func(info lake.Info) {
		if a, ok := aside[info.Key]; ok && info.Time <= a.Time {
			return
		}
		if now.Sub(info.Time) <= Window {
			found = append(found, info)
		}
	})
	if err != nil {
		return nil, false, err
	}
	return found, finished, nil
}
