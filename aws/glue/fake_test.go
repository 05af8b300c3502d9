package glue_test

import (
	"context"
	"maps"
	"slices"
	"strconv"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/glue"
	"github.com/aws/aws-sdk-go-v2/service/glue/types"
	"github.com/aws/smithy-go"
)

const database = "lake_test"

// fake is Glue's catalog in memory, as its API reference describes the four
// calls: a version that changes with every update and is compared when one is
// given, pages of two tables.
type fake struct {
	mu     sync.Mutex
	tables map[string]types.Table
	calls  map[string]int
	// before and after are run around each call; their error is the answer.
	before, after func(call string) error
}

func newFake() *fake { return &fake{tables: map[string]types.Table{}, calls: map[string]int{}} }

// on runs one call.
func on[T any](f *fake, ctx context.Context, call string, do func() (*T, error)) (*T, error) {
	if err := ctx.Err(); err != nil {
		return nil, &smithy.OperationError{ServiceID: "Glue", OperationName: call, Err: &aws.RequestCanceledError{Err: err}}
	}
	out, err := func() (*T, error) {
		if f.before != nil {
			if err := f.before(call); err != nil {
				return nil, err
			}
		}
		f.mu.Lock()
		f.calls[call]++
		out, err := do()
		f.mu.Unlock()
		if err == nil && f.after != nil {
			err = f.after(call)
		}
		return out, err
	}()
	if err != nil {
		return nil, &smithy.OperationError{ServiceID: "Glue", OperationName: call, Err: err}
	}
	return out, nil
}

func (f *fake) known(db *string) error {
	if aws.ToString(db) != database {
		return &types.EntityNotFoundException{Message: aws.String("Database " + aws.ToString(db) + " not found.")}
	}
	return nil
}

func (f *fake) GetTable(ctx context.Context, in *sdk.GetTableInput, _ ...func(*sdk.Options)) (*sdk.GetTableOutput, error) {
	return on(f, ctx, "GetTable", func() (*sdk.GetTableOutput, error) {
		t, ok := f.tables[*in.Name]
		if err := f.known(in.DatabaseName); err != nil || !ok {
			return nil, &types.EntityNotFoundException{Message: aws.String("Entity Not Found")}
		}
		t.Parameters = maps.Clone(t.Parameters)
		return &sdk.GetTableOutput{Table: &t}, nil
	})
}

func (f *fake) GetTables(ctx context.Context, in *sdk.GetTablesInput, _ ...func(*sdk.Options)) (*sdk.GetTablesOutput, error) {
	return on(f, ctx, "GetTables", func() (*sdk.GetTablesOutput, error) {
		if err := f.known(in.DatabaseName); err != nil {
			return nil, err
		}
		out := &sdk.GetTablesOutput{}
		// Glue does not say that it sorts; backwards is an order too.
		for _, n := range slices.Backward(slices.Sorted(maps.Keys(f.tables))) {
			if in.NextToken != nil && n >= *in.NextToken {
				continue
			}
			if len(out.TableList) == 2 {
				out.NextToken = out.TableList[1].Name
				break
			}
			out.TableList = append(out.TableList, f.tables[n])
		}
		return out, nil
	})
}

func (f *fake) CreateTable(ctx context.Context, in *sdk.CreateTableInput, _ ...func(*sdk.Options)) (*sdk.CreateTableOutput, error) {
	return on(f, ctx, "CreateTable", func() (*sdk.CreateTableOutput, error) {
		if err := f.known(in.DatabaseName); err != nil {
			return nil, err
		}
		if _, ok := f.tables[*in.TableInput.Name]; ok {
			return nil, &types.AlreadyExistsException{Message: aws.String("Table already exists.")}
		}
		f.tables[*in.TableInput.Name] = stored(in.TableInput, "0")
		return &sdk.CreateTableOutput{}, nil
	})
}

func (f *fake) UpdateTable(ctx context.Context, in *sdk.UpdateTableInput, _ ...func(*sdk.Options)) (*sdk.UpdateTableOutput, error) {
	return on(f, ctx, "UpdateTable", func() (*sdk.UpdateTableOutput, error) {
		old, ok := f.tables[*in.TableInput.Name]
		if err := f.known(in.DatabaseName); err != nil || !ok {
			return nil, &types.EntityNotFoundException{Message: aws.String("Entity Not Found")}
		}
		if in.VersionId != nil && *in.VersionId != *old.VersionId {
			return nil, &types.ConcurrentModificationException{Message: aws.String("Update table failed due to concurrent modifications.")}
		}
		n, err := strconv.Atoi(*old.VersionId)
		if err != nil {
			return nil, err
		}
		f.tables[*in.TableInput.Name] = stored(in.TableInput, strconv.Itoa(n+1))
		return &sdk.UpdateTableOutput{}, nil
	})
}

func stored(in *types.TableInput, version string) types.Table {
	return types.Table{
		Name: in.Name, DatabaseName: aws.String(database), VersionId: &version, Description: in.Description, Owner: in.Owner,
		Retention: in.Retention, TableType: in.TableType, Parameters: maps.Clone(in.Parameters), PartitionKeys: in.PartitionKeys,
		StorageDescriptor: in.StorageDescriptor, LastAccessTime: in.LastAccessTime, LastAnalyzedTime: in.LastAnalyzedTime,
	}
}
