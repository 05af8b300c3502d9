// Package tables has the parts of a lake on AWS that make tables. It is apart
// from package cloud because the Iceberg library is most of a binary that links
// it.
package tables

import (
	"context"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/assemble/cloud"
	"github.com/eventlake/lake/aws/glue"
	"github.com/eventlake/lake/config"
	"github.com/eventlake/lake/curate"
	"github.com/eventlake/lake/raw"
	"github.com/eventlake/lake/replay"
)

// Catalog is the Glue Data Catalog.
func Catalog(c *cloud.Cloud) (*glue.Catalog, error) {
	store, err := c.Store()
	if err != nil {
		return nil, err
	}
	return glue.New(glue.NewClient(c.AWS), store, glue.Options{
		Database: c.Config.AWS.GlueDatabase, Root: "s3://" + c.Config.AWS.Bucket, Clock: c.Clock, Logger: c.Log,
	})
}

// limits are those of the configuration.
func limits(cfg config.Config) curate.Limits {
	depth := cfg.Curate.Depth
	if depth == 0 {
		depth = -1 // 0 is curate's default; a configured 0 is no nesting
	}
	return curate.Limits{
		Memory: int64(cfg.Curate.Memory), Columns: cfg.Curate.Columns, Depth: depth,
		FileBytes: int64(cfg.Curate.FileSize), SmallFiles: cfg.Curate.CompactFiles,
	}
}

// Curator is the curate stage. Every event is compared with the ids that its
// day holds: a delivery service repeats, and claims expire.
func Curator(c *cloud.Cloud) (*curate.Curator, error) {
	ledger, err := c.Ledger()
	if err != nil {
		return nil, err
	}
	store, err := c.Store()
	if err != nil {
		return nil, err
	}
	catalog, err := Catalog(c)
	if err != nil {
		return nil, err
	}
	return curate.New(curate.Config{
		Backlog: ledger, Store: store, Catalog: catalog, Lines: raw.NewReader(store, nil),
		Limits: limits(c.Config), Interval: c.Config.Curate.Interval, LateAfter: 0, Clock: c.Clock, Logger: c.Log,
	})
}

// Rebuilder makes tables again from every raw object. Nothing keeps other
// writers off a table: of two commits one wins, and the loser is done again.
// lambda-replay gives it a ledger.
func Rebuilder(c *cloud.Cloud) (*replay.Rebuilder, error) {
	store, err := c.Store()
	if err != nil {
		return nil, err
	}
	catalog, err := Catalog(c)
	if err != nil {
		return nil, err
	}
	return &replay.Rebuilder{
		Catalog:   catalog,
		Exclusive: func(context.Context, lake.TableName) (func(), error) { return func() {}, nil },
		Build:     curate.BuildConfig{Store: store, Lines: raw.NewReader(store, nil), Limits: limits(c.Config)},
	}, nil
}
