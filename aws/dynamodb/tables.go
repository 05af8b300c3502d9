package dynamodb

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/aws/awsapi"
)

// TTLAttribute is the attribute of both tables after which DynamoDB deletes an
// item: unix seconds.
const TTLAttribute = "e"

// Tables describes the claims' and the ledger's table as Terraform makes them:
// paid by request, keys as in the package comment.
func Tables(o Options) []sdk.CreateTableInput {
	o = o.withDefaults()
	key := func(name string, t types.ScalarAttributeType, k types.KeyType) (types.AttributeDefinition, types.KeySchemaElement) {
		return types.AttributeDefinition{AttributeName: &name, AttributeType: t}, types.KeySchemaElement{AttributeName: &name, KeyType: k}
	}
	id, idKey := key("id", types.ScalarAttributeTypeB, types.KeyTypeHash)
	pk, pkKey := key("pk", types.ScalarAttributeTypeS, types.KeyTypeHash)
	sk, skKey := key("sk", types.ScalarAttributeTypeS, types.KeyTypeRange)
	return []sdk.CreateTableInput{
		{
			TableName: &o.Claims, BillingMode: types.BillingModePayPerRequest,
			AttributeDefinitions: []types.AttributeDefinition{id}, KeySchema: []types.KeySchemaElement{idKey},
		},
		{
			TableName: &o.Ledger, BillingMode: types.BillingModePayPerRequest,
			AttributeDefinitions: []types.AttributeDefinition{pk, sk}, KeySchema: []types.KeySchemaElement{pkKey, skKey},
		},
	}
}

// Admin is what CreateTables uses of the SDK's client.
type Admin interface {
	sdk.DescribeTableAPIClient
	CreateTable(context.Context, *sdk.CreateTableInput, ...func(*sdk.Options)) (*sdk.CreateTableOutput, error)
	DescribeTimeToLive(context.Context, *sdk.DescribeTimeToLiveInput, ...func(*sdk.Options)) (*sdk.DescribeTimeToLiveOutput, error)
	UpdateTimeToLive(context.Context, *sdk.UpdateTimeToLiveInput, ...func(*sdk.Options)) (*sdk.UpdateTimeToLiveOutput, error)
}

// CreateTables makes the tables that are missing, for tests and emulators; in
// an account Terraform does. It returns when they can be used.
func CreateTables(ctx context.Context, client Admin, o Options) error {
	for _, t := range Tables(o) {
		if err := CreateTable(ctx, client, &t); err != nil {
			return err
		}
		if err := expire(ctx, client, t.TableName); err != nil {
			return fmt.Errorf("create table %s: %w", *t.TableName, err)
		}
	}
	return nil
}

// CreateTable makes a table, or finds it: a call whose answer was lost is made
// again. It returns when the table can be used.
func CreateTable(ctx context.Context, client Admin, t *sdk.CreateTableInput) error {
	var again awsapi.Retry
	err := again.Do(ctx, func(ctx context.Context) error {
		_, err := client.CreateTable(ctx, t)
		return err
	})
	if err != nil && !errors.Is(err, lake.ErrExists) {
		return fmt.Errorf("create table %s: %w", *t.TableName, err)
	}
	const patience = 2 * time.Minute
	w := sdk.NewTableExistsWaiter(client, func(o *sdk.TableExistsWaiterOptions) { o.MinDelay = 100 * time.Millisecond })
	err = again.Do(ctx, func(ctx context.Context) error {
		return w.Wait(ctx, &sdk.DescribeTableInput{TableName: t.TableName}, patience)
	})
	if err != nil {
		return fmt.Errorf("wait for table %s: %w", *t.TableName, err)
	}
	return nil
}

// expire enables TTLAttribute. DynamoDB calls it invalid where it is enabled
// already, by somebody else or by a call whose answer was lost.
func expire(ctx context.Context, client Admin, table *string) error {
	var again awsapi.Retry
	err := again.Do(ctx, func(ctx context.Context) error {
		_, err := client.UpdateTimeToLive(ctx, &sdk.UpdateTimeToLiveInput{
			TableName:               table,
			TimeToLiveSpecification: &types.TimeToLiveSpecification{AttributeName: aws.String(TTLAttribute), Enabled: aws.Bool(true)},
		})
		return err
	})
	if !errors.Is(err, lake.ErrInvalid) {
		return err
	}
	now, failed := client.DescribeTimeToLive(ctx, &sdk.DescribeTimeToLiveInput{TableName: table})
	if failed != nil || now.TimeToLiveDescription == nil || aws.ToString(now.TimeToLiveDescription.AttributeName) != TTLAttribute {
		return errors.Join(err, failed)
	}
	return nil
}
