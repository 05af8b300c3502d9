package query

import (
	"context"
	"io"

	"github.com/eventlake/lake"
)

// Limiter is an Engine that can stop early: it computes at most limit rows.
type Limiter interface {
	QueryLimit(ctx context.Context, limit int64, sql string, args ...any) (lake.Rows, error)
}

// Exporter is an Engine that can write a result as a Parquet file, whose rows
// it counts.
type Exporter interface {
	CopyParquet(ctx context.Context, sql string, w io.Writer) (int64, error)
}

// Catalog is what a session asks about tables; a lake.Catalog is one.
type Catalog interface {
	Tables(ctx context.Context) ([]lake.TableName, error)
	Table(ctx context.Context, name lake.TableName) (lake.Table, error)
}

// Run queries for limit rows at most, or all when limit is 0. One row more is
// asked for, so that Write can tell that there are more.
func Run(ctx context.Context, e lake.Engine, limit int64, sql string) (lake.Rows, error) {
	if l, ok := e.(Limiter); ok && limit > 0 {
		return l.QueryLimit(ctx, limit+1, sql)
	}
	return e.Query(ctx, sql)
}
