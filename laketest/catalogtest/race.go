package catalogtest

import (
	"context"
	"errors"
	"sync"

	"github.com/eventlake/lake"
)

func testRace(h *harness) {
	var base lake.Table
	for round := range 5 { // the first races to create
		const writers = 4
		files, errs := make([]lake.DataFile, writers), make([]error, writers)
		for i := range files {
			files[i] = h.file(lesson, 18000)
		}
		var wg sync.WaitGroup
		for i := range writers {
			wg.Go(func() {
				_, errs[i] = h.Catalog.Commit(context.Background(), lake.TableCommit{Table: lesson, Base: base.Snapshot, Schema: columns(), Add: files[i : i+1]})
			})
		}
		wg.Wait()
		won := -1
		for i, err := range errs {
			switch {
			case err == nil && won >= 0:
				h.Fatalf("round %d: writers %d and %d both won", round, won, i)
			case err == nil:
				won = i
			default:
				h.wantErr(err, lake.ErrStale)
			}
		}
		if won < 0 {
			h.Fatalf("round %d: nobody won: %v", round, errs)
		}
		now := h.table(lesson)
		h.wantFiles(now, append(base.Files, files[won])...)
		base = now
	}
}

func testRetry(h *harness) {
	const writers, each = 4, 6
	var wg sync.WaitGroup
	var mu sync.Mutex
	var want []lake.DataFile
	for w := range writers {
		var files []lake.DataFile
		for range each {
			files = append(files, h.file(lesson, lake.Day(w)))
		}
		want = append(want, files...)
		wg.Go(func() {
			for len(files) > 0 {
				base, err := h.Catalog.Table(context.Background(), lesson)
				if err != nil && !errors.Is(err, lake.ErrNotFound) {
					mu.Lock()
					h.Errorf("table: %v", err)
					mu.Unlock()
					return
				}
				_, err = h.Catalog.Commit(context.Background(), lake.TableCommit{Table: lesson, Base: base.Snapshot, Schema: columns(), Add: files[:1]})
				switch {
				case err == nil:
					files = files[1:]
				case !errors.Is(err, lake.ErrStale):
					mu.Lock()
					h.Errorf("commit: %v", err)
					mu.Unlock()
					return
				}
			}
		})
	}
	wg.Wait()
	h.wantFiles(h.table(lesson), want...)
}
