package dynamodb

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"

	sdk "github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/eventlake/lake"
)

// transact tries to make the record the commit behind the shard's head as it is
// known. errLost when the head has moved; it is known again then.
func (l *Ledger) transact(ctx context.Context, sh *shard, r *record) error {
	r.time = l.stamp(sh.head.time)
	next := head{
		position: sh.head.position, commits: sh.head.commits + 1, checkpoint: sh.head.checkpoint, time: r.time,
		token: fmt.Sprintf("%016x%016x", rand.Uint64(), rand.Uint64()),
	}
	if !r.span.Empty() {
		next.position = r.span.To
	}
	in, err := l.transaction(ctx, sh, next, r)
	if err != nil {
		return err
	}
	var canceled *types.TransactionCanceledException
	err = l.call(ctx, func(ctx context.Context) error {
		_, err := l.client.TransactWriteItems(ctx, in)
		return err
	})
	switch {
	case err == nil:
		sh.committed(next, r)
		return nil
	case !errors.Is(err, lake.ErrStale):
		sh.known = false
		return err
	}
	sh.known = false
	if errors.As(err, &canceled) && len(canceled.CancellationReasons) > 0 && len(canceled.CancellationReasons[0].Item) > 0 {
		if sh.head, err = readHead(canceled.CancellationReasons[0].Item); err != nil {
			return err
		}
		sh.known = true
	} else if err := l.refresh(ctx, sh); err != nil {
		return err
	}
	// The answer may be that to a repeat of the very transaction that won.
	won, err := l.won(ctx, sh, next.commits, next.token)
	switch {
	case err != nil:
		return err
	case won:
		h := sh.head
		sh.committed(next, r)
		sh.head = h
		return nil
	}
	return errLost
}

// transaction is the two puts of a commit.
func (l *Ledger) transaction(ctx context.Context, sh *shard, next head, r *record) (*sdk.TransactWriteItemsInput, error) {
	content, err := encodeRecord(sh.id, r)
	if err != nil {
		return nil, err
	}
	c := place(commitPartition(sh.id), ordinal(next.commits))
	c["w"] = text(next.token)
	if err := l.blobs.put(ctx, c, fmt.Sprintf("%s/%s-commit", sh.id, ordinal(next.commits)), content); err != nil {
		return nil, err
	}
	h := l.replace(sh.id, sh.head, next)
	absent := "attribute_not_exists(pk)"
	return &sdk.TransactWriteItemsInput{
		ClientRequestToken: &next.token,
		TransactItems: []types.TransactWriteItem{
			{Put: &types.Put{
				TableName: h.TableName, Item: h.Item, ConditionExpression: h.ConditionExpression,
				ExpressionAttributeValues:           h.ExpressionAttributeValues,
				ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld,
			}},
			{Put: &types.Put{TableName: h.TableName, Item: c, ConditionExpression: &absent}},
		},
	}, nil
}

// committed takes note of a commit of this process.
func (sh *shard) committed(next head, r *record) {
	sh.head, sh.known = next, true
	if sh.state != nil && sh.state.commits+1 == next.commits {
		if s, err := sh.state.apply(r, known); err == nil {
			sh.state = s
			return
		}
	}
	if sh.state != nil && sh.state.commits < next.commits {
		sh.state = nil // the log will be read when somebody asks
	}
}

// known reads no part: a commit that removes files has looked for them before.
func known(p *part) error {
	if p.content == nil {
		return errGap
	}
	return nil
}
