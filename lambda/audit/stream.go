package audit

import (
	"context"
	"errors"
	"slices"

	"github.com/eventlake/lake"
)

// readShard looks for records between the first and the last receipt of a shard
// that no receipt covers: they were passed over.
func (a *auditor) readShard(ctx context.Context, shard lake.ShardID, f *finding) error {
	list := a.receipts[shard]
	var batch lake.Batch
	var missed int64
	var first lake.Position
	at := slices.IndexFunc(list, func(r lake.Receipt) bool { return r.Time >= a.report.From })
	if at < 0 {
		return nil
	}
	end := list[len(list)-1].To
	for after := list[at].First.Before(); end.After(after); {
		if err := ctx.Err(); err != nil {
			return err
		}
		err := a.Stream.Read(ctx, shard, after, lake.MaxBody, &batch)
		if errors.Is(err, lake.ErrTrimmed) || errors.Is(err, lake.ErrNotFound) { // a closed shard goes with its last record
			f.problem("%s: the stream no longer has records from %s on; look sooner, or keep it longer", shard, after)
			return nil
		}
		if err != nil && !errors.Is(err, lake.ErrEnded) {
			return err
		}
		if len(batch.Records) == 0 {
			break
		}
		for i := range batch.Records {
			p := batch.Records[i].Position
			if p.After(end) {
				break
			}
			f.Streamed++
			for at < len(list) && p.After(list[at].To) {
				at++
			}
			if at < len(list) && list[at].First.After(p) {
				if missed == 0 {
					first = p
				}
				missed++
			}
		}
		after = batch.Records[len(batch.Records)-1].Position
	}
	if missed > 0 {
		f.Gap += missed
		f.problem("%s: %d records from %s on have no receipt: they were passed over", shard, missed, first)
	}
	return nil
}
