package dynamodb

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/aws/awsapi"
)

// free is when a claim is granted: nobody has the ID, this very record has it,
// or whoever has it held it for long enough.
const free = "attribute_not_exists(id) OR o = :me OR e < :now"

// owner is who has an ID, as far as a putter knows.
type owner struct {
	place       string // "shard/position"
	fingerprint uint32
	expires     int64 // log time in unix seconds
}

func (o *owner) expired(now lake.Instant) bool { return o.expires < seconds(now) }

func seconds(t lake.Instant) int64 { return int64(t) / int64(time.Second/time.Microsecond) }

// putter makes one claim at a time. Its request is made once and filled in for
// each claim.
type putter struct {
	ledger *Ledger
	ttl    int64 // seconds
	in     sdk.PutItemInput
	put    func(context.Context) error // try, bound once

	// The parts of the request that change.
	id           types.AttributeValueMemberB
	me           types.AttributeValueMemberS
	fingerprint  types.AttributeValueMemberN
	expires, now types.AttributeValueMemberN
	asked        lake.Claim
	seconds      int64 // of now and expires
	buf          []byte

	owner owner // of the ID that was asked for last
}

func newPutter(l *Ledger) *putter {
	p := &putter{ledger: l, ttl: int64((l.options.ClaimTTL + time.Second - 1) / time.Second), seconds: -1}
	p.id.Value = make([]byte, len(lake.ID{}))
	p.in = sdk.PutItemInput{
		TableName:                 &l.options.Claims,
		Item:                      item{"id": &p.id, "o": &p.me, "f": &p.fingerprint, "e": &p.expires},
		ConditionExpression:       aws.String(free),
		ExpressionAttributeValues: item{":me": &p.me, ":now": &p.now},
		ReturnConsumedCapacity:    types.ReturnConsumedCapacityTotal,

		ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld,
	}
	p.put = p.try
	return p
}

// claim fills the request in.
func (p *putter) claim(shard lake.ShardID, c *lake.Claim) {
	p.asked = *c
	copy(p.id.Value, c.ID[:])
	p.buf = append(append(p.buf[:0], shard...), '/')
	p.buf = appendPosition(p.buf, c.Position)
	p.me.Value = string(p.buf)
	p.fingerprint.Value = strconv.FormatUint(uint64(c.Fingerprint), 10)
	if s := seconds(c.Time); s != p.seconds { // neighbours are mostly of one second
		p.seconds = s
		p.now.Value = strconv.FormatInt(s, 10)
		p.expires.Value = strconv.FormatInt(s+p.ttl, 10)
	}
}

// mine reports whether the record that the request speaks for is the owner.
func (p *putter) mine() bool { return p.owner.place == p.me.Value }

// ask finds out who owns the ID, and makes it this record if nobody does. It
// tries again while that may help and there is time.
func (p *putter) ask(ctx context.Context) error {
	if err := p.ledger.options.Retry.Do(ctx, p.put); err != nil {
		return fmt.Errorf("%s at %s: %w", p.asked.ID, p.me.Value, err)
	}
	return nil
}

// try makes the request once.
func (p *putter) try(ctx context.Context) error {
	p.ledger.writes.Add(1)
	out, err := p.ledger.client.PutItem(ctx, &p.in)
	if err == nil {
		p.owner = owner{p.me.Value, p.asked.Fingerprint, p.seconds + p.ttl}
		if used := out.ConsumedCapacity; used != nil {
			p.ledger.units.Add(int64(1000 * aws.ToFloat64(used.CapacityUnits)))
		}
		return nil
	}
	var refused *types.ConditionalCheckFailedException
	if !errors.As(err, &refused) {
		return awsapi.ClassifyOn(err, "table "+p.ledger.options.Claims)
	}
	p.ledger.units.Add(1000)
	p.owner, err = readOwner(refused.Item)
	return err
}

func readOwner(i item) (owner, error) {
	f := fields{item: i}
	o := owner{place: f.text("o"), fingerprint: uint32(f.number("f")), expires: int64(f.number("e"))}
	if f.err != nil || o.place == "" {
		return o, lake.Errorf(lake.ErrCorrupt,
			"the claims' table must be written by the lake only; delete the item, or restore the table to a point in time",
			"a claim is refused by an item that is no claim")
	}
	return o, nil
}
