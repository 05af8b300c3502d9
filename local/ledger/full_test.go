package ledger_test

import (
	"encoding/binary"
	"errors"
	"io/fs"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/local/disk"
	"github.com/eventlake/lake/local/ledger"
)

// noRuns has no room for sealed claims while it is full, but for the log.
type noRuns struct {
	disk.OS
	full *atomic.Bool
}

func (f noRuns) Create(path string) (disk.File, error) {
	if f.full.Load() && strings.Contains(path, "run-") {
		return nil, &fs.PathError{Op: "create", Path: path, Err: syscall.ENOSPC}
	}
	return f.OS.Create(path)
}

// The disk was too full to seal claims until claims were refused. A worker that
// cannot claim commits nothing, so the ledger has to notice room by itself.
func TestClaimsGoOnOnceThereIsRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var full atomic.Bool
		full.Store(true)
		l, err := ledger.Open(t.Context(), noRuns{full: &full}, t.TempDir(), ledger.Options{HotBytes: 59 * 2 * 100})
		if err != nil {
			t.Fatal(err)
		}
		defer func() {
			if err := l.Close(); err != nil {
				t.Error(err)
			}
		}()
		const n = 50
		at, after := lake.InstantOf(time.Unix(1772359200, 0)), uint64(0)
		claim := func() error {
			claims := make([]lake.Claim, n)
			for i := range claims {
				position := after + uint64(i) + 1
				binary.BigEndian.PutUint64(claims[i].ID[:], position*0x9E3779B97F4A7C15)
				claims[i].Position, claims[i].Time = lake.Pos(position), at
			}
			return l.Claim(t.Context(), "shard-000", claims, make([]lake.Outcome, n))
		}
		for err = claim(); err == nil; err = claim() {
			span := lake.Span{After: lake.Pos(after), To: lake.Pos(after + n)}
			if err := l.Commit(t.Context(), lake.Commit{Shard: "shard-000", Span: span}); err != nil {
				t.Fatal(err)
			}
			after += n
		}
		if !errors.Is(err, lake.ErrFull) {
			t.Fatal(err)
		}
		time.Sleep(time.Minute) // no room yet: sealing is tried, and tried again
		synctest.Wait()
		if err := claim(); !errors.Is(err, lake.ErrFull) {
			t.Fatalf("claims go on without room: %v", err)
		}
		full.Store(false)
		time.Sleep(time.Minute)
		synctest.Wait()
		if err := claim(); err != nil {
			t.Errorf("there is room, and claims at %d are refused: %v", after, err)
		}
	})
}
