package dynamodb

import (
	"context"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/aws/awsapi"
)

// never is a condition that no item meets, so that a put changes nothing.
const never = "attribute_exists(id) AND attribute_not_exists(id)"

// Check reads from the ledger's table and makes a claim that cannot be granted,
// to tell whoever starts a program that a table is missing
// (lake.ErrNotFound), is another one (lake.ErrInvalid) or may not be used
// (awsapi.ErrDenied). It changes nothing and needs no other permissions than
// Commit and Claim do.
func (l *Ledger) Check(ctx context.Context) error {
	if _, err := l.get(ctx, place(headPartition, "-")); err != nil {
		return fmt.Errorf("the ledger's table: %w", err)
	}
	if l.options.Dedup == DedupNone {
		return nil
	}
	err := l.options.Retry.Do(ctx, func(ctx context.Context) error {
		_, err := l.client.PutItem(ctx, &sdk.PutItemInput{
			TableName: &l.options.Claims, ConditionExpression: aws.String(never),
			Item: item{"id": &types.AttributeValueMemberB{Value: make([]byte, len(lake.ID{}))}},
		})
		return awsapi.ClassifyOn(err, "table "+l.options.Claims)
	})
	if err != nil && !errors.Is(err, lake.ErrStale) {
		return fmt.Errorf("the claims' table: %w", err)
	}
	return nil
}
