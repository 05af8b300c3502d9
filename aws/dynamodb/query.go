package dynamodb

import (
	"context"
	"iter"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/dynamodb"
)

// scope is a part of one partition of the ledger's table.
type scope struct {
	pk       string
	compare  string // of sk with bound: ">", ">=" or "<="; "" is all
	bound    string
	keysOnly bool
}

// query yields the items of the scope by sk. It sees every write before it.
func (l *Ledger) query(ctx context.Context, s scope) iter.Seq2[item, error] {
	in := &sdk.QueryInput{
		TableName: &l.options.Ledger, ConsistentRead: aws.Bool(true),
		KeyConditionExpression:    aws.String("pk = :pk"),
		ExpressionAttributeValues: item{":pk": text(s.pk)},
	}
	if s.compare != "" {
		in.KeyConditionExpression = aws.String("pk = :pk AND sk " + s.compare + " :sk")
		in.ExpressionAttributeValues[":sk"] = text(s.bound)
	}
	if s.keysOnly {
		in.ProjectionExpression = aws.String("pk, sk")
	}
	return func(yield func(item, error) bool) {
		for {
			var out *sdk.QueryOutput
			err := l.call(ctx, func(ctx context.Context) (err error) {
				out, err = l.client.Query(ctx, in)
				return err
			})
			if err != nil {
				yield(nil, err)
				return
			}
			for _, i := range out.Items {
				if !yield(i, nil) {
					return
				}
			}
			if len(out.LastEvaluatedKey) == 0 {
				return
			}
			in.ExclusiveStartKey = out.LastEvaluatedKey
		}
	}
}
