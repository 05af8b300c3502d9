package ingest

import (
	"context"
	"errors"

	"github.com/eventlake/lake"
)

// asked is a claim that has its answer: the same record gets the same again.
type asked struct {
	id lake.ID
	at lake.Position
}

const hintSlow = "the table of claims takes fewer writes than come: look at its throttled requests and give it more capacity; what was claimed is settled, and the rest comes again"

// claim asks for the claims of the records that were read, but for answers that
// are remembered.
func (c *Core) claim(ctx context.Context) error {
	var err error
	if len(c.answers) == 0 {
		err = c.ledger.Claim(ctx, c.shard, c.claims, c.outcomes)
	} else {
		err = c.claimOthers(ctx)
	}
	if lake.Hint(err) == "" && (errors.Is(err, context.DeadlineExceeded) || errors.Is(err, lake.ErrFull)) {
		return &lake.Hinted{Kind: err, What: "the claims of a batch take longer than their share of the call's time", Hint: hintSlow}
	}
	return err
}

// claimOthers asks for the claims whose answers are not remembered.
func (c *Core) claimOthers(ctx context.Context) error {
	var claims []lake.Claim
	var places []int
	for i := range c.claims {
		if c.outcomes[i] = c.answers[asked{c.claims[i].ID, c.claims[i].Position}]; c.outcomes[i] == 0 {
			claims, places = append(claims, c.claims[i]), append(places, i)
		}
	}
	if len(claims) == 0 {
		return nil
	}
	outcomes := make([]lake.Outcome, len(claims))
	err := c.ledger.Claim(ctx, c.shard, claims, outcomes)
	for k, i := range places {
		c.outcomes[i] = outcomes[k]
	}
	return err
}

// remember keeps the answers for a repeat in this process, when there is to be
// one because of an error. It asks for the others only: so also a stream record
// with more events than can be claimed in one call comes to its end, and no
// write is paid for twice.
func (c *Core) remember(failed error) {
	c.answers = nil
	if failed == nil {
		return
	}
	c.answers = make(map[asked]lake.Outcome, len(c.claims))
	for i := range c.claims {
		if o := c.outcomes[i]; o != 0 {
			c.answers[asked{c.claims[i].ID, c.claims[i].Position}] = o
		}
	}
}
