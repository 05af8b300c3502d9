package dynamodb

import (
	"context"
	"errors"
	"fmt"
	"strings"

	sdk "github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/aws/awsapi"
)

const namesPartition = "names"

// Names implements lake.NameList.
func (l *Ledger) Names(ctx context.Context) ([]lake.Name, error) {
	if err := ctx.Err(); err != nil {
		return nil, l.aboutNames("read", "GetItem", err)
	}
	i, err := l.get(ctx, place(namesPartition, namesPartition))
	if err != nil || len(i) == 0 {
		return nil, l.aboutNames("read", "GetItem", err)
	}
	content, err := l.blobs.get(ctx, i)
	if err != nil {
		return nil, l.aboutNames("read", "GetItem", err)
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
		return l.aboutNames("write", "PutItem", err)
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
	return l.aboutNames("write", "PutItem", l.put(ctx, in))
}

// aboutNames says what could not be done, by which action on which table, and
// what to look at when time was short.
func (l *Ledger) aboutNames(what, action string, err error) error {
	if err == nil || errors.Is(err, lake.ErrStale) {
		return err
	}
	what = fmt.Sprintf("%s the list of names (dynamodb:%s on table %s)", what, action, l.options.Ledger)
	late := errors.Is(err, context.DeadlineExceeded) || errors.Is(err, awsapi.ErrUnknown) || errors.Is(err, lake.ErrFull)
	if lake.Hint(err) != "" || !late {
		return fmt.Errorf("%s: %w", what, err)
	}
	return &lake.Hinted{Kind: err, What: what,
		Hint: "look at the table's throttled requests and latency, and give it more capacity or the function more time; what is not settled comes again"}
}
