package cloudsweep

import (
	"context"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/laketest/fault"
)

// hasty is a ledger whose table of claims is throttled at times: some claims of
// a call have no answer then, of which some were made.
type hasty struct {
	fault.FullLedger
	a *account
}

func (h hasty) Claim(ctx context.Context, shard lake.ShardID, claims []lake.Claim, out []lake.Outcome) error {
	if len(claims) == 0 || !h.a.chance(0.15) {
		return h.FullLedger.Claim(ctx, shard, claims, out)
	}
	made := h.a.rng.IntN(len(claims) + 1)
	known := h.a.rng.IntN(made + 1)
	outcomes := make([]lake.Outcome, made)
	if err := h.FullLedger.Claim(ctx, shard, claims[:made], outcomes); err != nil {
		return err
	}
	for i, o := range outcomes {
		if i < known || h.a.chance(0.5) {
			out[i] = o
		}
	}
	return lake.ErrFull
}
