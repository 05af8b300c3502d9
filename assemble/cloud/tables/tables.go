// Package tables has the parts of a lake on AWS that make tables. It is apart
// from package cloud because the Iceberg library is most of a binary that links
// it.
package tables

import (
	"context"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/assemble/cloud"
	"github.com/eventlake/lake/assemble/curation"
	"github.com/eventlake/lake/aws/dynamodb"
	"github.com/eventlake/lake/aws/glue"
	"github.com/eventlake/lake/aws/s3"
	"github.com/eventlake/lake/curate"
	"github.com/eventlake/lake/raw"
	"github.com/eventlake/lake/replay"
)

// Parts are what tables are made with.
type Parts struct {
	Ledger  *dynamodb.Ledger
	Store   *s3.Store
	Catalog *glue.Catalog // the Glue Data Catalog
	Lines   *raw.Reader

	cloud *cloud.Cloud
}

// Open makes the parts; ErrInvalid with a hint when the configuration names too
// little.
func Open(c *cloud.Cloud) (p Parts, err error) {
	p.cloud = c
	if p.Ledger, err = c.Ledger(); err != nil {
		return p, err
	}
	if p.Store, err = c.Store(); err != nil {
		return p, err
	}
	p.Lines = raw.NewReader(p.Store, nil)
	p.Catalog, err = glue.New(glue.NewClient(c.AWS), p.Store, glue.Options{
		Database: c.Config.AWS.GlueDatabase, Root: "s3://" + c.Config.AWS.Bucket, Clock: c.Clock, Logger: c.Log,
	})
	return p, err
}

// Curator is the curate stage. Every event is compared with the ids that its
// day holds: a delivery service repeats, and claims expire.
func (p *Parts) Curator() (*curate.Curator, error) {
	c := p.cloud
	return curate.New(curate.Config{
		Backlog: p.Ledger, Store: p.Store, Catalog: p.Catalog, Lines: p.Lines,
		Limits: curation.Limits(c.Config.Curate), Interval: c.Config.Curate.Interval, LateAfter: 0, Clock: c.Clock, Logger: c.Log,
	})
}

// Rebuilder makes tables again from every raw object, when lambda-replay has
// given it a ledger. Nothing keeps other writers off a table: of two commits one
// wins, and the loser is done again.
func (p *Parts) Rebuilder() *replay.Rebuilder {
	return &replay.Rebuilder{
		Catalog:   p.Catalog,
		Exclusive: func(context.Context, lake.TableName) (func(), error) { return func() {}, nil },
		Build:     curate.BuildConfig{Store: p.Store, Lines: p.Lines, Limits: curation.Limits(p.cloud.Config.Curate)},
	}
}
