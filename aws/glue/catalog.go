package glue

import (
	"context"
	"log/slog"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/aws/awsapi"
	"github.com/eventlake/lake/iceberg"
)

// parallel is how many objects are read or looked up at once.
const parallel = 16

// Options say which tables a Catalog has.
type Options struct {
	Database  string // the Glue database; it must exist
	CatalogID string // the account that has it; "" is the caller's
	// Root is the URI of the store, e.g. s3://bucket/prefix: where the object of
	// the empty key would lie. Tables are below <Root>/tables/.
	Root   string
	Clock  lake.Clock   // time of snapshots and age of files; nil is the machine's
	Logger *slog.Logger // nil discards
	Retry  *awsapi.Retry
}

// Catalog is a lake.Catalog in a Glue database. It is safe for concurrent use,
// and beside it other processes, Athena and Spark may write: of two writers one
// wins and the other gets lake.ErrStale.
type Catalog struct{ tables *iceberg.Catalog }

var _ lake.Catalog = (*Catalog)(nil)

// New makes a catalog over Glue and the store that Root names. It asks nothing
// yet. lake.ErrInvalid when the options cannot be used.
func New(api API, store lake.Store, o Options) (*Catalog, error) {
	root := strings.TrimRight(o.Root, "/")
	if !strings.HasPrefix(root, "s3://") || len(root) == len("s3://") {
		return nil, lake.Errorf(lake.ErrInvalid, "write it as s3://bucket or s3://bucket/prefix", "place of the tables %q", o.Root)
	}
	if o.Database == "" || o.Database != strings.ToLower(o.Database) {
		return nil, lake.Errorf(lake.ErrInvalid, "set LAKE_GLUE_DATABASE to a name in lower case", "Glue database %q", o.Database)
	}
	p := &pointer{api: api, database: o.Database, retry: o.Retry}
	if o.CatalogID != "" {
		p.catalog = aws.String(o.CatalogID)
	}
	if p.retry == nil {
		p.retry = &awsapi.Retry{}
	}
	return &Catalog{iceberg.New(iceberg.Options{
		Pointer: p, Files: iceberg.FilesIn(store), Clock: o.Clock, Logger: o.Logger, Parallel: parallel,
		// Engines on Hadoop's file systems write the other schemes.
		Root: iceberg.Root{URI: root, Aliases: []string{"s3a", "s3n"}},
		Hints: iceberg.Hints{
			Damaged: "bring the object's last good version back (the bucket keeps versions), or rebuild the table from raw with lambda-replay",
			Foreign: "copy the table's files below " + root + "/tables/, or rebuild the table from raw with lambda-replay",
		},
	})}, nil
}

// Tables implements lake.Catalog. Tables of the database that are no Iceberg
// tables are left out.
func (c *Catalog) Tables(ctx context.Context) ([]lake.TableName, error) { return c.tables.Tables(ctx) }

// Table implements lake.Catalog. It asks Glue once; when the table has changed
// it reads what is new of its metadata.
func (c *Catalog) Table(ctx context.Context, name lake.TableName) (lake.Table, error) {
	return c.tables.Table(ctx, name)
}

// Commit implements lake.Catalog. The commit point is one UpdateTable (or
// CreateTable) that Glue carries out only on the version that was read. Errors:
// lake.ErrStale, lake.ErrInvalid; any other leaves open whether the commit
// happened: ask Table.
func (c *Catalog) Commit(ctx context.Context, tc lake.TableCommit) (lake.Table, error) {
	return c.tables.Commit(ctx, tc)
}

// Maintain implements lake.Catalog. Glue has no lock that would keep writers
// out, so keep must be longer than any writer lives: a Lambda lives 15 minutes.
func (c *Catalog) Maintain(ctx context.Context, name lake.TableName, keep time.Duration) (lake.Maintenance, error) {
	return c.tables.Maintain(ctx, name, keep)
}

// Check reads the metadata of every table again and looks up every data file
// that it names; see iceberg.Catalog. It changes nothing.
func (c *Catalog) Check(ctx context.Context) (iceberg.Checked, error) { return c.tables.Check(ctx) }
