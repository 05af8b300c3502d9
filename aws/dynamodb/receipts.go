package dynamodb

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/eventlake/lake"
)

const hoursPartition = "receipts"

func receiptPartition(s lake.ShardID) string { return "receipt#" + string(s) }

// receiptHour is an hour in which a shard has receipts.
type receiptHour struct {
	shard lake.ShardID
	hour  lake.Instant
}

const hourFormat = "2006-01-02T15"

// Record implements lake.Receipts. It costs one write, and a second one when a
// process meets a new hour of a shard.
func (l *Ledger) Record(ctx context.Context, r lake.Receipt) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if r.Shard == "" || r.First.IsZero() || r.First.After(r.To) {
		return fmt.Errorf("receipt of %q from %s to %s: %w", r.Shard, r.First, r.To, lake.ErrInvalid)
	}
	content, err := json.Marshal(&r)
	if err != nil {
		return err
	}
	i := place(receiptPartition(r.Shard), sortable(r.First)+"#"+sortable(r.To))
	i["e"] = number(l.expiry())
	if err := l.blobs.inItem().put(ctx, i, "a receipt", content); err != nil {
		return err
	}
	// The hour first: a receipt that no hour leads to would not be found.
	if err := l.recordHour(ctx, receiptHour{r.Shard, r.Time.Hour()}, r.First); err != nil {
		return err
	}
	return l.put(ctx, &sdk.PutItemInput{Item: i})
}

// expiry is when an item that is written now may go, in unix seconds.
func (l *Ledger) expiry() int64 { return seconds(l.options.Clock().Add(l.options.KeepReceipts)) }

// recordHour sees to it that reading the hour begins at the position or before.
func (l *Ledger) recordHour(ctx context.Context, h receiptHour, first lake.Position) error {
	l.mu.Lock()
	known, ok := l.receipts[h]
	l.mu.Unlock()
	if ok && !known.After(first) {
		return nil
	}
	i := place(hoursPartition, h.hour.Time().Format(hourFormat)+"#"+string(h.shard))
	i["f"], i["e"] = text(sortable(first)), number(l.expiry())
	condition := "attribute_not_exists(pk) OR f > :f"
	err := l.put(ctx, &sdk.PutItemInput{Item: i, ConditionExpression: &condition, ExpressionAttributeValues: item{":f": i["f"]}})
	if err != nil && !errors.Is(err, lake.ErrStale) {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	const many = 10_000
	if len(l.receipts) > many {
		clear(l.receipts)
	}
	l.receipts[h] = first
	return nil
}

// Receipts implements lake.ReceiptReader. Reading costs what lies in the time,
// not what is kept.
func (l *Ledger) Receipts(ctx context.Context, from, to lake.Instant) iter.Seq2[lake.Receipt, error] {
	return func(yield func(lake.Receipt, error) bool) {
		starts, err := l.starts(ctx, from, to)
		if err != nil {
			yield(lake.Receipt{}, fmt.Errorf("receipts: %w", err))
			return
		}
		for _, s := range starts {
			for r, err := range l.receiptsOf(ctx, s.shard, s.first, to) {
				if err != nil {
					yield(r, fmt.Errorf("receipts of %s: %w", s.shard, err))
					return
				}
				if r.Time >= from && r.Time < to && !yield(r, nil) {
					return
				}
			}
		}
	}
}

// ReceiptsIn implements lake.ReceiptFinder.
func (l *Ledger) ReceiptsIn(ctx context.Context, shard lake.ShardID, first, last lake.Position) iter.Seq2[lake.Receipt, error] {
	return func(yield func(lake.Receipt, error) bool) {
		for i, err := range l.query(ctx, scope{pk: receiptPartition(shard), compare: ">=", bound: sortable(first)}) {
			var r lake.Receipt
			if err == nil {
				err = l.readReceipt(ctx, i, &r)
			}
			if err != nil {
				yield(r, fmt.Errorf("receipts of %s: %w", shard, err))
				return
			}
			if r.First.After(last) || !yield(r, nil) {
				return
			}
		}
	}
}

// start is where reading the receipts of a shard begins.
type start struct {
	shard lake.ShardID
	first string // sortable
}

// starts finds the shards that have receipts in the time, and the first
// position of each.
func (l *Ledger) starts(ctx context.Context, from, to lake.Instant) ([]start, error) {
	var out []start
	last := to.Time().Format(hourFormat)
	for i, err := range l.query(ctx, scope{pk: hoursPartition, compare: ">=", bound: from.Time().Format(hourFormat)}) {
		if err != nil {
			return nil, err
		}
		f := fields{item: i}
		hour, shard, _ := strings.Cut(f.text("sk"), "#")
		first := f.text("f")
		if f.err != nil {
			return nil, f.err
		}
		if hour > last {
			break
		}
		at := slices.IndexFunc(out, func(s start) bool { return string(s.shard) == shard })
		if at < 0 {
			out = append(out, start{lake.ShardID(shard), first})
		} else if first < out[at].first {
			out[at].first = first
		}
	}
	slices.SortFunc(out, func(a, b start) int { return strings.Compare(string(a.shard), string(b.shard)) })
	return out, nil
}

// receiptsOf yields the receipts of a shard until they are surely behind to.
func (l *Ledger) receiptsOf(ctx context.Context, shard lake.ShardID, first string, to lake.Instant) iter.Seq2[lake.Receipt, error] {
	// Log time grows with the position, but for what collectors' clocks differ.
	const slack = time.Hour
	return func(yield func(lake.Receipt, error) bool) {
		for i, err := range l.query(ctx, scope{pk: receiptPartition(shard), compare: ">=", bound: first}) {
			var r lake.Receipt
			if err == nil {
				err = l.readReceipt(ctx, i, &r)
			}
			if err != nil {
				yield(r, err)
				return
			}
			if r.Time > to.Add(slack) || !yield(r, nil) {
				return
			}
		}
	}
}

func (l *Ledger) readReceipt(ctx context.Context, i item, r *lake.Receipt) error {
	content, err := l.blobs.get(ctx, i)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(content, r); err != nil {
		return fmt.Errorf("%w: %w", lake.ErrCorrupt, err)
	}
	return nil
}
