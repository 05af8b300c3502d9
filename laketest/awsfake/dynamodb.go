package awsfake

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// DynamoDB is tables in memory: conditional puts that return the item in the
// way, transactions of puts with their request tokens, batches, queries by sort
// key in pages, the size limit of items, and write units. Conditions may use
// comparisons, attribute_exists, attribute_not_exists, AND, OR and parentheses.
// Reads that do not ask for consistency are refused, because the adapters must
// not make any; updates, indexes, filters and deletion by TTL are left out.
type DynamoDB struct {
	// Fault may be set before the first call.
	Fault Fault
	// ForgetTokens makes transactions forget their request tokens at once, as
	// the service does after ten minutes. It may be set before the first call.
	ForgetTokens bool

	mu     sync.Mutex
	tables map[string]*table
	tokens map[string]bool // of transactions that were done
	calls  map[string]int
	page   int // items in a page of a query
}

type item = map[string]types.AttributeValue

type table struct {
	hash, sort string // names of the key attributes; sort may be empty
	items      map[string]item
}

// NewDynamoDB returns empty tables whose queries have so many items in a page.
func NewDynamoDB(page int, tables ...dynamodb.CreateTableInput) *DynamoDB {
	d := &DynamoDB{tables: map[string]*table{}, tokens: map[string]bool{}, calls: map[string]int{}, page: page}
	for _, in := range tables {
		t := &table{items: map[string]item{}}
		for _, k := range in.KeySchema {
			if k.KeyType == types.KeyTypeHash {
				t.hash = *k.AttributeName
			} else {
				t.sort = *k.AttributeName
			}
		}
		d.tables[*in.TableName] = t
	}
	return d
}

// Calls is how often an operation has been called.
func (d *DynamoDB) Calls(operation string) int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.calls[operation]
}

// Items returns copies of all items of a table, sorted by key.
func (d *DynamoDB) Items(name string) (out []map[string]types.AttributeValue) {
	d.mu.Lock()
	defer d.mu.Unlock()
	t := d.tables[name]
	for _, k := range slices.Sorted(maps.Keys(t.items)) {
		out = append(out, cloneItem(t.items[k]))
	}
	return out
}

// Delete removes an item as a person would by hand, or as the TTL does.
func (d *DynamoDB) Delete(name string, key map[string]types.AttributeValue) {
	d.mu.Lock()
	defer d.mu.Unlock()
	t := d.tables[name]
	delete(t.items, t.key(key))
}

func (d *DynamoDB) call(ctx context.Context, operation string, do func() error) error {
	return around(ctx, "DynamoDB", operation, d.Fault, func() error {
		d.mu.Lock()
		defer d.mu.Unlock()
		d.calls[operation]++
		return do()
	})
}

func (d *DynamoDB) table(name *string) (*table, error) {
	t := d.tables[aws.ToString(name)]
	if t == nil {
		return nil, &types.ResourceNotFoundException{Message: aws.String("Requested resource not found: Table: " + aws.ToString(name))}
	}
	return t, nil
}

// key makes one comparable string of an item's key.
func (t *table) key(i item) string {
	k := fmt.Sprintf("%x", raw(i[t.hash]))
	if t.sort != "" {
		k += "/" + string(raw(i[t.sort]))
	}
	return k
}

// maxItem is the largest item in bytes, with names.
const maxItem = 400 << 10

// put stores an item under a condition; the item in the way is returned with
// types.ConditionalCheckFailedException.
func (t *table) put(i item, condition *string, values item) (*types.ConsumedCapacity, error) {
	key, size := t.key(i), sizeOf(i)
	if size > maxItem {
		return nil, Says("ValidationException", "Item size has exceeded the maximum allowed size")
	}
	old := t.items[key]
	if ok, err := holds(condition, old, values); err != nil {
		return nil, err
	} else if !ok {
		return nil, &types.ConditionalCheckFailedException{Message: aws.String("The conditional request failed"), Item: cloneItem(old)}
	}
	t.items[key] = cloneItem(i)
	units := float64((max(size, sizeOf(old)) + 1023) / 1024)
	return &types.ConsumedCapacity{CapacityUnits: &units}, nil
}

// PutItem stores one item.
func (d *DynamoDB) PutItem(ctx context.Context, in *dynamodb.PutItemInput, _ ...func(*dynamodb.Options)) (*dynamodb.PutItemOutput, error) {
	out := &dynamodb.PutItemOutput{}
	err := d.call(ctx, "PutItem", func() error {
		t, err := d.table(in.TableName)
		if err != nil {
			return err
		}
		out.ConsumedCapacity, err = t.put(in.Item, in.ConditionExpression, in.ExpressionAttributeValues)
		return err
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

var errInconsistent = Says("ValidationException", "this fake has no reads that may be old; ask for consistent ones")

// GetItem returns one item.
func (d *DynamoDB) GetItem(ctx context.Context, in *dynamodb.GetItemInput, _ ...func(*dynamodb.Options)) (*dynamodb.GetItemOutput, error) {
	out := &dynamodb.GetItemOutput{}
	err := d.call(ctx, "GetItem", func() error {
		t, err := d.table(in.TableName)
		if err != nil {
			return err
		}
		if !aws.ToBool(in.ConsistentRead) {
			return errInconsistent
		}
		if i, ok := t.items[t.key(in.Key)]; ok {
			out.Item = cloneItem(i)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// Query returns a page of items of one partition by sort key.
func (d *DynamoDB) Query(ctx context.Context, in *dynamodb.QueryInput, _ ...func(*dynamodb.Options)) (*dynamodb.QueryOutput, error) {
	out := &dynamodb.QueryOutput{}
	err := d.call(ctx, "Query", func() error {
		t, err := d.table(in.TableName)
		if err != nil {
			return err
		}
		if !aws.ToBool(in.ConsistentRead) {
			return errInconsistent
		}
		for _, k := range slices.Sorted(maps.Keys(t.items)) {
			i := t.items[k]
			if len(in.ExclusiveStartKey) > 0 && k <= t.key(in.ExclusiveStartKey) {
				continue
			}
			ok, err := holds(in.KeyConditionExpression, i, in.ExpressionAttributeValues)
			if err != nil {
				return err
			}
			if !ok {
				continue
			}
			if len(out.Items) == d.page {
				last := out.Items[d.page-1]
				out.LastEvaluatedKey = item{t.hash: last[t.hash], t.sort: last[t.sort]}
				return nil
			}
			out.Items = append(out.Items, project(i, in.ProjectionExpression))
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// TransactWriteItems makes all puts or none. A token that was done is done.
func (d *DynamoDB) TransactWriteItems(ctx context.Context, in *dynamodb.TransactWriteItemsInput, _ ...func(*dynamodb.Options)) (*dynamodb.TransactWriteItemsOutput, error) {
	err := d.call(ctx, "TransactWriteItems", func() error {
		if d.tokens[aws.ToString(in.ClientRequestToken)] {
			return nil
		}
		undo := map[string]map[string]item{}
		for name, t := range d.tables {
			undo[name] = maps.Clone(t.items)
		}
		reasons := make([]types.CancellationReason, len(in.TransactItems))
		var codes []string
		failed := false
		for n, w := range in.TransactItems {
			t, err := d.table(w.Put.TableName)
			if err != nil {
				return err
			}
			code := "None"
			switch _, err := t.put(w.Put.Item, w.Put.ConditionExpression, w.Put.ExpressionAttributeValues); err := err.(type) { //nolint:errorlint // as made above
			case nil:
			case *types.ConditionalCheckFailedException:
				failed, code = true, "ConditionalCheckFailed"
				if w.Put.ReturnValuesOnConditionCheckFailure == types.ReturnValuesOnConditionCheckFailureAllOld {
					reasons[n].Item = err.Item
				}
			default:
				failed, code = true, "ValidationError"
			}
			reasons[n].Code, codes = &code, append(codes, code)
		}
		if !failed {
			if in.ClientRequestToken != nil && !d.ForgetTokens {
				d.tokens[*in.ClientRequestToken] = true
			}
			return nil
		}
		for name, t := range d.tables {
			t.items = undo[name]
		}
		return &types.TransactionCanceledException{
			Message: aws.String("Transaction cancelled, please refer cancellation reasons for specific reasons [" +
				strings.Join(codes, ", ") + "]"),
			CancellationReasons: reasons,
		}
	})
	if err != nil {
		return nil, err
	}
	return &dynamodb.TransactWriteItemsOutput{}, nil
}

// BatchWriteItem deletes items, but puts the last of several off.
func (d *DynamoDB) BatchWriteItem(ctx context.Context, in *dynamodb.BatchWriteItemInput, _ ...func(*dynamodb.Options)) (*dynamodb.BatchWriteItemOutput, error) {
	out := &dynamodb.BatchWriteItemOutput{}
	err := d.call(ctx, "BatchWriteItem", func() error {
		for name, requests := range in.RequestItems {
			t, err := d.table(&name)
			if err != nil {
				return err
			}
			if n := len(requests); n > 25 {
				return Says("ValidationException", "Too many items requested for the BatchWriteItem call")
			} else if n > 1 {
				out.UnprocessedItems = map[string][]types.WriteRequest{name: {requests[n-1]}}
				requests = requests[:n-1]
			}
			for _, r := range requests {
				delete(t.items, t.key(r.DeleteRequest.Key))
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

func project(i item, expression *string) item {
	if expression == nil {
		return cloneItem(i)
	}
	out := item{}
	for name := range strings.SplitSeq(*expression, ",") {
		name = strings.TrimSpace(name)
		out[name] = cloneValue(i[name])
	}
	return out
}

func cloneItem(i item) item {
	if i == nil {
		return nil
	}
	out := make(item, len(i))
	for k, v := range i {
		out[k] = cloneValue(v)
	}
	return out
}

func cloneValue(v types.AttributeValue) types.AttributeValue {
	switch v := v.(type) {
	case *types.AttributeValueMemberS:
		return &types.AttributeValueMemberS{Value: v.Value}
	case *types.AttributeValueMemberN:
		return &types.AttributeValueMemberN{Value: v.Value}
	case *types.AttributeValueMemberB:
		return &types.AttributeValueMemberB{Value: bytes.Clone(v.Value)}
	case *types.AttributeValueMemberBOOL:
		return &types.AttributeValueMemberBOOL{Value: v.Value}
	}
	return v
}

// raw is the bytes of a key or a scalar.
func raw(v types.AttributeValue) []byte {
	switch v := v.(type) {
	case *types.AttributeValueMemberS:
		return []byte(v.Value)
	case *types.AttributeValueMemberN:
		return []byte(v.Value)
	case *types.AttributeValueMemberB:
		return v.Value
	}
	return nil
}

func sizeOf(i item) (n int) {
	for k, v := range i {
		n += len(k) + len(raw(v))
	}
	return n
}
