package glue

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/glue"
)

// API is what the catalog asks of Glue. A role needs glue: with each of these
// names on the catalog, the database and the database's tables.
type API interface {
	GetTable(ctx context.Context, in *sdk.GetTableInput, o ...func(*sdk.Options)) (*sdk.GetTableOutput, error)
	GetTables(ctx context.Context, in *sdk.GetTablesInput, o ...func(*sdk.Options)) (*sdk.GetTablesOutput, error)
	CreateTable(ctx context.Context, in *sdk.CreateTableInput, o ...func(*sdk.Options)) (*sdk.CreateTableOutput, error)
	UpdateTable(ctx context.Context, in *sdk.UpdateTableInput, o ...func(*sdk.Options)) (*sdk.UpdateTableOutput, error)
}

// NewClient makes a client for New. It does not try again by itself: whether a
// move of a table may be repeated is for the catalog to decide.
func NewClient(cfg aws.Config) *sdk.Client {
	return sdk.NewFromConfig(cfg, func(o *sdk.Options) { o.Retryer = aws.NopRetryer{} })
}
