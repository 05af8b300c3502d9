package main

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/eventlake/lake/aws/dynamodb"
	"github.com/eventlake/lake/laketest/awslocal"
)

// createTables makes the tables of claims, ledger and leases.
func createTables(ctx context.Context, c *awslocal.Cloud) error {
	client := sdk.NewFromConfig(c.Moto.Config())
	if err := dynamodb.CreateTables(ctx, client, dynamodb.Options{Claims: c.Names.Claims, Ledger: c.Names.Ledger}); err != nil {
		return err
	}
	_, err := client.CreateTable(ctx, &sdk.CreateTableInput{
		TableName: &c.Names.Leases, BillingMode: types.BillingModePayPerRequest,
		AttributeDefinitions: []types.AttributeDefinition{
			{AttributeName: aws.String("stream"), AttributeType: types.ScalarAttributeTypeS},
			{AttributeName: aws.String("shard"), AttributeType: types.ScalarAttributeTypeS},
		},
		KeySchema: []types.KeySchemaElement{
			{AttributeName: aws.String("stream"), KeyType: types.KeyTypeHash},
			{AttributeName: aws.String("shard"), KeyType: types.KeyTypeRange},
		},
	})
	if err != nil {
		return fmt.Errorf("create table %s: %w", c.Names.Leases, err)
	}
	return nil
}
