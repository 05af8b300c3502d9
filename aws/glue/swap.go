package glue

import (
	"context"
	"errors"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/glue"
	"github.com/aws/aws-sdk-go-v2/service/glue/types"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/aws/awsapi"
	"github.com/eventlake/lake/iceberg"
)

// Swap implements iceberg.Pointer. Each try reads the table first and then asks
// Glue to replace exactly that version. So a try whose answer was lost does no
// harm: either it happened, and the next one finds the pointer at To, or it can
// happen only while the version is the same, and then a repeat does the same.
func (p *pointer) Swap(ctx context.Context, m iceberg.Move) (bool, error) {
	var open error // why an earlier try may have happened
	for try := 0; ; try++ {
		now, err := p.table(ctx, m.Next.Name)
		if err != nil && !errors.Is(err, lake.ErrNotFound) {
			return false, errors.Join(err, open)
		}
		if at := location(now); at != m.From {
			return at == m.To, nil
		}
		err = p.move(ctx, now, m)
		switch {
		case err == nil:
			return true, nil
		case errors.Is(err, awsapi.ErrUnknown):
			open = err
		case errors.Is(err, lake.ErrNotFound) && now == nil:
			return false, p.noDatabase(err)
		case !refused(err) && !awsapi.Passing(err):
			return false, errors.Join(err, open)
		}
		pause, ok := p.retry.Pause(ctx, try)
		if !ok {
			return false, err
		}
		if err := lake.Sleep(ctx, pause); err != nil {
			return false, errors.Join(err, open)
		}
	}
}

// move asks Glue once for the move from the version that now is; nil makes the
// table.
func (p *pointer) move(ctx context.Context, now *types.Table, m iceberg.Move) error {
	ctx, cancel := context.WithTimeout(ctx, callTime)
	defer cancel()
	if now == nil {
		_, err := p.api.CreateTable(ctx, &sdk.CreateTableInput{CatalogId: p.catalog, DatabaseName: &p.database, TableInput: newTable(m)})
		return awsapi.ClassifyOn(err, p.named(m.Next.Name))
	}
	_, err := p.api.UpdateTable(ctx, &sdk.UpdateTableInput{
		CatalogId: p.catalog, DatabaseName: &p.database, TableInput: movedTable(now, m),
		VersionId: now.VersionId,
		// Glue would keep each version for ever, up to a limit of the account;
		// Iceberg's metadata has the history.
		SkipArchive: aws.Bool(true),
	})
	return awsapi.ClassifyOn(err, p.named(m.Next.Name))
}

// refused reports whether somebody else changed or made the table first. It may
// have been something other than the pointer, so the table is looked at again.
func refused(err error) bool {
	return errors.Is(err, lake.ErrStale) || errors.Is(err, lake.ErrExists)
}

// location is where the table's metadata lies; "" for no table.
func location(t *types.Table) string {
	if t == nil {
		return ""
	}
	return t.Parameters[paramLocation]
}
