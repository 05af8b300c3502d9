package main

import (
	"context"

	sdk "github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/eventlake/lake/aws/dynamodb"
	"github.com/eventlake/lake/aws/kinesis/lease"
	"github.com/eventlake/lake/laketest/awslocal"
)

// createTables makes the tables of claims, ledger and leases.
func createTables(ctx context.Context, c *awslocal.Cloud) error {
	client := sdk.NewFromConfig(c.Moto.Config())
	if err := dynamodb.CreateTables(ctx, client, dynamodb.Options{Claims: c.Names.Claims, Ledger: c.Names.Ledger}); err != nil {
		return err
	}
	return dynamodb.CreateTable(ctx, client, lease.Definition(c.Names.Leases))
}
