package dynamodb_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/smithy-go"

	"github.com/eventlake/lake"
	adapter "github.com/eventlake/lake/aws/dynamodb"
	"github.com/eventlake/lake/laketest/awsfake"
)

// refusing is DynamoDB that has no capacity.
type refusing struct{ *awsfake.DynamoDB }

func (refusing) GetItem(context.Context, *dynamodb.GetItemInput, ...func(*dynamodb.Options)) (*dynamodb.GetItemOutput, error) {
	return nil, &smithy.OperationError{ServiceID: "DynamoDB", OperationName: "GetItem",
		Err: &smithy.GenericAPIError{Code: "ProvisionedThroughputExceededException", Message: "too fast"}}
}

func TestAnErrorOfNamesSaysTableAndAction(t *testing.T) {
	o := adapter.Options{Ledger: "lake-ledger"}
	late, cancel := context.WithDeadline(t.Context(), time.Now().Add(-time.Second))
	defer cancel()
	l := adapter.New(refusing{awsfake.NewDynamoDB(100, adapter.Tables(o)...)}, o)
	for name, tt := range map[string]struct {
		do    func() error
		is    error
		names string
	}{
		"read late": {func() error { _, err := l.Names(late); return err }, context.DeadlineExceeded, "dynamodb:GetItem on table lake-ledger"},
		"read throttled": {func() error {
			throttled, stop := context.WithTimeout(t.Context(), time.Second)
			defer stop()
			_, err := l.Names(throttled)
			return err
		}, lake.ErrFull, "dynamodb:GetItem on table lake-ledger"},
		"write late": {func() error { return l.SetNames(late, 0, []lake.Name{{Type: "a", Subtype: "b"}}) }, context.DeadlineExceeded, "dynamodb:PutItem on table lake-ledger"},
	} {
		err := tt.do()
		if !errors.Is(err, tt.is) || !strings.Contains(err.Error(), tt.names) || lake.Hint(err) == "" {
			t.Errorf("%s: %v, hint %q", name, err, lake.Hint(err))
		}
	}
}
