package dynamodb

import (
	"fmt"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/eventlake/lake"
)

// item is an item as the SDK has it.
type item = map[string]types.AttributeValue

func text(s string) types.AttributeValue { return &types.AttributeValueMemberS{Value: s} }

func number[N int64 | uint64](n N) types.AttributeValue {
	return &types.AttributeValueMemberN{Value: fmt.Sprint(n)}
}

// place is the key of an item of the ledger's table.
func place(pk, sk string) item { return item{"pk": text(pk), "sk": text(sk)} }

// fields reads an item and keeps the first error: what is stored must be what
// was written.
type fields struct {
	item item
	err  error
}

func (f *fields) text(name string) string {
	switch v := f.item[name].(type) {
	case nil:
	case *types.AttributeValueMemberS:
		return v.Value
	default:
		f.fail(name)
	}
	return ""
}

func (f *fields) bytes(name string) []byte {
	switch v := f.item[name].(type) {
	case nil:
	case *types.AttributeValueMemberB:
		return v.Value
	default:
		f.fail(name)
	}
	return nil
}

func (f *fields) number(name string) uint64 {
	v, ok := f.item[name].(*types.AttributeValueMemberN)
	if !ok {
		f.fail(name)
		return 0
	}
	n, err := strconv.ParseUint(v.Value, 10, 64)
	if err != nil {
		f.fail(name)
	}
	return n
}

func (f *fields) position(name string) lake.Position {
	p, err := lake.ParsePosition(f.text(name))
	if err != nil {
		f.fail(name)
	}
	return p
}

func (f *fields) fail(name string) {
	if f.err == nil {
		f.err = lake.Errorf(lake.ErrCorrupt, "restore the table to a point in time before it was changed by hand",
			"attribute %s of item %s %s", name, keyText(f.item["pk"]), keyText(f.item["sk"]))
	}
}

func keyText(v types.AttributeValue) string {
	if s, ok := v.(*types.AttributeValueMemberS); ok {
		return strconv.Quote(s.Value)
	}
	return "without a key"
}

// ordinal writes the number of a commit so that strings compare as numbers do.
func ordinal(n uint64) string { return fmt.Sprintf("%020d", n) }
