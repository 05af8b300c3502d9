package glue

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/glue"
	"github.com/aws/aws-sdk-go-v2/service/glue/types"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/aws/awsapi"
	"github.com/eventlake/lake/iceberg"
)

// The parameters of a Glue table by which Athena, Spark, PyIceberg and others
// know an Iceberg table and find its metadata.
const (
	paramType     = "table_type"
	paramLocation = "metadata_location"
	paramPrevious = "previous_metadata_location"
	typeIceberg   = "ICEBERG"
)

// callTime bounds one try of a call, so that a connection that hangs is given up
// while there is time for another.
const callTime = 20 * time.Second

// pointer is the iceberg.Pointer in one Glue database: the parameter
// metadata_location of each table.
type pointer struct {
	api      API
	catalog  *string // nil is the caller's account
	database string
	retry    *awsapi.Retry
}

var _ iceberg.Pointer = (*pointer)(nil)

// List implements iceberg.Pointer. Tables of other kinds, such as those that a
// crawler makes, are left out.
func (p *pointer) List(ctx context.Context) ([]lake.TableName, error) {
	var names []lake.TableName
	in := &sdk.GetTablesInput{CatalogId: p.catalog, DatabaseName: &p.database}
	for {
		var page *sdk.GetTablesOutput
		err := p.retry.Do(ctx, func(ctx context.Context) (err error) {
			ctx, cancel := context.WithTimeout(ctx, callTime)
			defer cancel()
			page, err = p.api.GetTables(ctx, in)
			return awsapi.ClassifyOn(err, "database "+p.database)
		})
		if errors.Is(err, lake.ErrNotFound) {
			return nil, p.noDatabase(err)
		}
		if err != nil {
			return nil, err
		}
		for i := range page.TableList {
			if isIceberg(&page.TableList[i]) {
				names = append(names, lake.TableName(aws.ToString(page.TableList[i].Name)))
			}
		}
		if aws.ToString(page.NextToken) == "" {
			slices.Sort(names)
			return names, nil
		}
		in.NextToken = page.NextToken
	}
}

// Get implements iceberg.Pointer.
func (p *pointer) Get(ctx context.Context, name lake.TableName) (string, error) {
	t, err := p.table(ctx, name)
	if err != nil {
		return "", err
	}
	return t.Parameters[paramLocation], nil
}

// Hold implements iceberg.Pointer. Glue has no lock to hold, so the pointer may
// move during remove. Nothing is lost by that: a commit from the state that was
// looked at names only files of that state and new ones, and new ones are
// younger than what Maintain removes.
func (p *pointer) Hold(ctx context.Context, name lake.TableName, uri string, remove func() error, _ iceberg.Named) (bool, error) {
	now, err := p.Get(ctx, name)
	if errors.Is(err, lake.ErrNotFound) {
		return false, nil
	}
	if err != nil || now != uri {
		return false, err
	}
	return true, remove()
}

// table asks Glue for a table and refuses one that is no Iceberg table.
func (p *pointer) table(ctx context.Context, name lake.TableName) (*types.Table, error) {
	var out *sdk.GetTableOutput
	err := p.retry.Do(ctx, func(ctx context.Context) (err error) {
		ctx, cancel := context.WithTimeout(ctx, callTime)
		defer cancel()
		out, err = p.api.GetTable(ctx, &sdk.GetTableInput{CatalogId: p.catalog, DatabaseName: &p.database, Name: aws.String(string(name))})
		return awsapi.ClassifyOn(err, p.named(name))
	})
	if err != nil {
		return nil, err
	}
	if out.Table == nil || !isIceberg(out.Table) {
		return nil, lake.Errorf(lake.ErrInvalid, "drop it or rename it, or let the crawler that made it use another database or a prefix for its tables",
			"%s exists and is no Iceberg table", p.named(name))
	}
	return out.Table, nil
}

func (p *pointer) named(name lake.TableName) string {
	return "table " + p.database + "." + string(name)
}

func (p *pointer) noDatabase(err error) error {
	return &lake.Hinted{Kind: err, What: "no database " + p.database,
		Hint: "create the Glue database (terraform apply does), or set LAKE_GLUE_DATABASE to the one that there is"}
}

// isIceberg reports whether a Glue table is an Iceberg table whose metadata has
// a place. Writers disagree about the case of the type.
func isIceberg(t *types.Table) bool {
	return strings.EqualFold(t.Parameters[paramType], typeIceberg) && t.Parameters[paramLocation] != ""
}
