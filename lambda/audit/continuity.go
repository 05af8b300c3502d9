package audit

import (
	"context"
	"errors"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/arrivals"
)

// maxSeams is how many ends of receipts are looked at in a shard and an audit:
// two calls each, of the five that a shard answers in a second to all its
// readers together. Of more, every n-th is, another one every hour.
const maxSeams = 100

// seamsOf sees that the receipts of a shard touch, without reading the stream
// again: the first record behind a receipt is the next one's first. What lies
// behind the last one, or the last commit of a worker, must be young. Every shard
// is looked at, also one without receipts.
func (a *auditor) seamsOf(ctx context.Context, shard lake.ShardID, f *finding) error {
	list := a.receipts[shard]
	step := 1 + max(0, len(list)-2)/maxSeams
	for i := int(a.report.From.Sub(0).Hours()) % step; i < len(list)-1; i += step {
		if list[i].Time < a.report.From || !a.toNow && list[i+1].Time >= a.report.To {
			continue // what lies between may have a receipt of a time that was not read
		}
		p, _, ok, err := a.next(ctx, shard, list[i].To)
		if err != nil {
			return err
		}
		f.Seams++
		if ok && list[i+1].First.After(p) {
			f.Gap++ // at least
			f.problem("%s: records from %s to before %s have no receipt: they were passed over; ask with stream: true for how many", shard, p, list[i+1].First)
		}
	}
	if !a.toNow {
		return nil
	}
	end := a.journal.Positions()[shard]
	if n := len(list); n > 0 && list[n-1].To.After(end) {
		end = list[n-1].To
	}
	if end.IsZero() {
		var err error
		if end, err = a.lastReceipt(ctx, shard); err != nil {
			return err
		}
	}
	p, received, ok, err := a.next(ctx, shard, end)
	if err != nil {
		return err
	}
	if ok && received < a.Clock().Add(-a.Settle) {
		f.Gap++ // at least
		f.problem("%s: nobody has taken in what it holds from %s on, of %s", shard, p, received)
	}
	return nil
}

// lastReceipt is the end of the last receipt of a shard that had none of late,
// as far back as the stream has records.
func (a *auditor) lastReceipt(ctx context.Context, shard lake.ShardID) (end lake.Position, err error) {
	_, received, ok, err := a.next(ctx, shard, lake.Position{})
	if err != nil || !ok {
		return end, err
	}
	for r, err := range a.Receipts.Receipts(ctx, received.Hour(), a.Clock()) {
		if err != nil {
			return end, err
		}
		if r.Shard == shard && r.To.After(end) {
			end = r.To
		}
	}
	return end, nil
}

// next is the first record behind a position; ok is false when the stream has
// none, or has it no more.
func (a *auditor) next(ctx context.Context, shard lake.ShardID, after lake.Position) (p lake.Position, received lake.Instant, ok bool, err error) {
	var batch lake.Batch
	err = a.Probe.Read(ctx, shard, after, 1, &batch)
	if errors.Is(err, lake.ErrTrimmed) || errors.Is(err, lake.ErrNotFound) || errors.Is(err, lake.ErrEnded) {
		err = nil
	}
	if err != nil || len(batch.Records) == 0 {
		return p, 0, false, err
	}
	return batch.Records[0].Position, batch.Records[0].Received, true, nil
}

// readAside names the raw objects that are set aside, whatever their hour.
func (a *auditor) readAside(ctx context.Context, f *finding) error {
	asides, err := arrivals.Asides(ctx, a.Store)
	if err != nil {
		return err
	}
	f.Aside = len(asides)
	for key, one := range asides {
		f.problem("raw object %s is set aside: %s", key, one.Reason)
	}
	return nil
}
