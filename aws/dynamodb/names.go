package dynamodb

import (
	"context"
	"fmt"
	"strings"

	sdk "github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/eventlake/lake"
)

const namesPartition = "names"

// Names implements lake.NameList.
func (l *Ledger) Names(ctx context.Context) ([]lake.Name, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	i, err := l.get(ctx, place(namesPartition, namesPartition))
	if err != nil || len(i) == 0 {
		return nil, err
	}
	content, err := l.blobs.get(ctx, i)
	if err != nil {
		return nil, fmt.Errorf("names: %w", err)
	}
	var out []lake.Name
	for line := range strings.Lines(string(content)) {
		typ, subtype, ok := strings.Cut(strings.TrimSuffix(line, "\n"), "/")
		if !ok {
			return nil, fmt.Errorf("name %q: %w", line, lake.ErrCorrupt)
		}
		out = append(out, lake.Name{Type: typ, Subtype: subtype})
	}
	return out, nil
}

// SetNames implements lake.NameList.
func (l *Ledger) SetNames(ctx context.Context, n int, names []lake.Name) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if len(names) <= n {
		return fmt.Errorf("%d names in the place of %d: %w", len(names), n, lake.ErrInvalid)
	}
	var content []byte
	for _, name := range names {
		content = fmt.Appendf(content, "%s/%s\n", name.Type, name.Subtype)
	}
	i := place(namesPartition, namesPartition)
	i["n"] = number(uint64(len(names)))
	if err := l.blobs.inItem().put(ctx, i, "the list of names", content); err != nil {
		return err
	}
	condition := "attribute_not_exists(pk)"
	in := &sdk.PutItemInput{Item: i, ConditionExpression: &condition}
	if n > 0 {
		condition, in.ExpressionAttributeValues = "n = :n", item{":n": number(uint64(n))}
	}
	return l.put(ctx, in)
}
