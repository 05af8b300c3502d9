package lease

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/aws/awsapi"
	"github.com/eventlake/lake/aws/kinesis"
)

// API is what is used of the DynamoDB client.
type API interface {
	Query(context.Context, *dynamodb.QueryInput, ...func(*dynamodb.Options)) (*dynamodb.QueryOutput, error)
	PutItem(context.Context, *dynamodb.PutItemInput, ...func(*dynamodb.Options)) (*dynamodb.PutItemOutput, error)
	DeleteItem(context.Context, *dynamodb.DeleteItemInput, ...func(*dynamodb.Options)) (*dynamodb.DeleteItemOutput, error)
}

// The attributes of a lease. The table's partition key is the stream and its
// sort key the shard, both strings.
const (
	attrStream  = "stream"
	attrShard   = "shard"
	attrCounter = "counter"
	attrOwner   = "owner"
	attrNext    = "next"
	attrDone    = "done"
	attrTip     = "tip"    // position
	attrTipAt   = "tip_at" // microseconds since 1970
)

// Table is a Store in a DynamoDB table. Leases of several streams may share it.
type Table struct {
	api           API
	table, stream string
	retry         awsapi.Retry
}

var _ Store = (*Table)(nil)

// NewTable returns the leases of a stream in a table. Tries are made here, so
// whatever retryer the client has is not used.
func NewTable(api API, table, stream string) *Table {
	// Few tries: a worker that cannot renew has better things to do.
	return &Table{api: api, table: table, stream: stream, retry: awsapi.Retry{Tries: 3}}
}

// Definition describes the leases' table as Terraform makes it.
func Definition(table string) *dynamodb.CreateTableInput {
	key := func(name string, kind types.KeyType) types.KeySchemaElement {
		return types.KeySchemaElement{AttributeName: &name, KeyType: kind}
	}
	text := func(name string) types.AttributeDefinition {
		return types.AttributeDefinition{AttributeName: &name, AttributeType: types.ScalarAttributeTypeS}
	}
	return &dynamodb.CreateTableInput{
		TableName: &table, BillingMode: types.BillingModePayPerRequest,
		AttributeDefinitions: []types.AttributeDefinition{text(attrStream), text(attrShard)},
		KeySchema:            []types.KeySchemaElement{key(attrStream, types.KeyTypeHash), key(attrShard, types.KeyTypeRange)},
	}
}

func once(o *dynamodb.Options) { o.Retryer = aws.NopRetryer{} }

// callTimeout bounds one try. A lease that hangs is as good as one that fails.
const callTimeout = 2 * time.Second

// do makes a call with a few tries. A write that is tried again after an
// unknown outcome finds itself as lake.ErrStale; the next List tells.
func (t *Table) do(ctx context.Context, call func(context.Context) error) error {
	return t.retry.Do(ctx, func(ctx context.Context) error {
		one, cancel := context.WithTimeout(ctx, callTimeout)
		defer cancel()
		return awsapi.ClassifyOn(call(one), "table "+t.table)
	})
}

func text(s string) types.AttributeValue { return &types.AttributeValueMemberS{Value: s} }

func number[T int64 | uint64](n T) types.AttributeValue {
	return &types.AttributeValueMemberN{Value: fmt.Sprint(n)}
}

// List implements Store.
func (t *Table) List(ctx context.Context) ([]Lease, error) {
	var out []Lease
	in := &dynamodb.QueryInput{
		TableName: &t.table, ConsistentRead: aws.Bool(true), KeyConditionExpression: aws.String("#stream = :stream"),
		ExpressionAttributeNames:  map[string]string{"#stream": attrStream},
		ExpressionAttributeValues: map[string]types.AttributeValue{":stream": text(t.stream)},
	}
	for {
		var page *dynamodb.QueryOutput
		err := t.do(ctx, func(ctx context.Context) (err error) {
			page, err = t.api.Query(ctx, in, once)
			return err
		})
		if err != nil {
			return nil, fmt.Errorf("list leases: %w", err)
		}
		for _, item := range page.Items {
			l, err := decode(item)
			if err != nil {
				return nil, lake.Errorf(lake.ErrCorrupt, "delete the item; the lease is made again", "a lease in table %s: %v", t.table, err)
			}
			out = append(out, l)
		}
		if in.ExclusiveStartKey = page.LastEvaluatedKey; len(in.ExclusiveStartKey) == 0 {
			return out, nil
		}
	}
}

// Create implements Store.
func (t *Table) Create(ctx context.Context, shard lake.ShardID) error {
	err := t.do(ctx, func(ctx context.Context) error {
		_, err := t.api.PutItem(ctx, &dynamodb.PutItemInput{
			TableName: &t.table, Item: t.encode(&Lease{Shard: shard, Counter: 1}), ConditionExpression: aws.String("attribute_not_exists(#shard)"),
			ExpressionAttributeNames: map[string]string{"#shard": attrShard},
		}, once)
		return err
	})
	return t.failed("create", shard, err)
}

// Swap implements Store.
func (t *Table) Swap(ctx context.Context, old uint64, l *Lease) error {
	l.Counter = old + 1
	item := t.encode(l)
	err := t.do(ctx, func(ctx context.Context) error {
		_, err := t.api.PutItem(ctx, &dynamodb.PutItemInput{
			TableName: &t.table, Item: item, ConditionExpression: aws.String("#counter = :old"),
			ExpressionAttributeNames:  map[string]string{"#counter": attrCounter},
			ExpressionAttributeValues: map[string]types.AttributeValue{":old": number(old)},
		}, once)
		return err
	})
	return t.failed("write", l.Shard, err)
}

// Delete implements Store.
func (t *Table) Delete(ctx context.Context, shard lake.ShardID, old uint64) error {
	err := t.do(ctx, func(ctx context.Context) error {
		_, err := t.api.DeleteItem(ctx, &dynamodb.DeleteItemInput{
			TableName: &t.table, Key: map[string]types.AttributeValue{attrStream: text(t.stream), attrShard: text(string(shard))},
			ConditionExpression: aws.String("#counter = :old"), ExpressionAttributeNames: map[string]string{"#counter": attrCounter},
			ExpressionAttributeValues: map[string]types.AttributeValue{":old": number(old)},
		}, once)
		return err
	})
	return t.failed("delete", shard, err)
}

func (t *Table) failed(what string, shard lake.ShardID, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s the lease of %s: %w", what, shard, err)
}

func (t *Table) encode(l *Lease) map[string]types.AttributeValue {
	item := map[string]types.AttributeValue{attrStream: text(t.stream), attrShard: text(string(l.Shard)), attrCounter: number(l.Counter)}
	if l.Owner != "" {
		item[attrOwner] = text(l.Owner)
	}
	if l.Next != "" {
		item[attrNext] = text(l.Next)
	}
	if l.Done {
		item[attrDone] = &types.AttributeValueMemberBOOL{Value: true}
	}
	if l.Tip != (kinesis.Tip{}) {
		item[attrTip], item[attrTipAt] = text(l.Tip.Position.String()), number(int64(l.Tip.At))
	}
	return item
}

// decode reads what encode wrote.
func decode(item map[string]types.AttributeValue) (l Lease, err error) {
	str := func(name string) string {
		s, _ := item[name].(*types.AttributeValueMemberS)
		if s == nil {
			return ""
		}
		return s.Value
	}
	num := func(name string) string {
		n, _ := item[name].(*types.AttributeValueMemberN)
		if n == nil {
			return ""
		}
		return n.Value
	}
	l.Shard, l.Owner, l.Next = lake.ShardID(str(attrShard)), str(attrOwner), str(attrNext)
	if done, ok := item[attrDone].(*types.AttributeValueMemberBOOL); ok {
		l.Done = done.Value
	}
	var bad, badTip, badAt error
	l.Counter, bad = strconv.ParseUint(num(attrCounter), 10, 64)
	if item[attrTip] != nil {
		var at int64
		l.Tip.Position, badTip = lake.ParsePosition(str(attrTip))
		at, badAt = strconv.ParseInt(num(attrTipAt), 10, 64)
		l.Tip.At = lake.Instant(at)
	}
	return l, errors.Join(bad, badTip, badAt)
}
