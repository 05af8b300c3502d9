package assemble

import (
	"context"
	"errors"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/assemble/curation"
	"github.com/eventlake/lake/curate"
	"github.com/eventlake/lake/replay"
)

// RebuildStep is the progress of a rebuild: the difference once it is known,
// else the raw files read.
type RebuildStep struct {
	Table      lake.TableName     `json:"table"`
	Done       int                `json:"done"`
	Total      int                `json:"total"`
	Difference *curate.Difference `json:"difference,omitempty"`
	// Unreadable comes with the difference: files that were left out of it.
	Unreadable []replay.Unreadable `json:"unreadable,omitempty"`
}

// opRebuild rebuilds the chosen tables one after another. Raw merging and
// compaction wait meanwhile; ingest and curate do not. After a crash between a
// swap and what follows it, unreadable files are left to older snapshots, which
// expire.
func (l *Local) opRebuild(ctx context.Context, o replay.RebuildOptions, emit func(any)) (any, error) {
	l.upkeep.mu.Lock()
	defer l.upkeep.mu.Unlock()
	r := l.rebuilder()
	tables, err := r.Tables(ctx, o)
	if err != nil {
		return nil, err
	}
	done := []replay.Rebuilt{}
	for _, name := range tables {
		out, err := r.Table(ctx, name, o,
			func(b replay.Rebuilt) {
				emit(RebuildStep{Table: name, Difference: &b.Difference, Unreadable: b.Unreadable})
			},
			func(n, total int) { emit(RebuildStep{Table: name, Done: n, Total: total}) })
		if errors.Is(err, lake.ErrNotFound) {
			return nil, lake.Errorf(err, "stop the lake and run: lake doctor; it looks for the events of a missing file elsewhere", "raw is not whole")
		}
		if err != nil {
			return nil, err
		}
		if out.Swapped && len(out.Unreadable) > 0 {
			// Older snapshots still name the files; nobody could read those either.
			if err := l.Catalog.ForgetHistory(ctx, name); err != nil {
				return nil, err
			}
		}
		done = append(done, out)
	}
	return done, nil
}

func (l *Local) rebuilder() *replay.Rebuilder {
	return &replay.Rebuilder{
		Ledger: l.Ledger, Catalog: l.Catalog, Exclusive: l.Curator.Exclusive,
		Build: curate.BuildConfig{Store: l.Store, Lines: l.Lines, Limits: curation.Limits(l.Config.Curate), LateAfter: lateAfter(l.Config), Forgotten: l.forgotten},
	}
}
