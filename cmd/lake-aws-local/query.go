package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/aws/glue"
	"github.com/eventlake/lake/aws/s3"
	"github.com/eventlake/lake/laketest/awslocal"
	"github.com/eventlake/lake/local/duckdb"
)

// query asks SQL over the tables of the Glue catalog and compares the answer
// with what was generated.
func (d *demo) query(ctx context.Context) (err error) {
	store, err := s3.New(s3.NewClient(d.Moto.Config()), s3.Options{Bucket: d.Names.Bucket})
	if err != nil {
		return err
	}
	catalog, err := glue.New(glue.NewClient(d.Catalog.Config()), store, glue.Options{Database: d.Names.Database, Root: "s3://" + d.Names.Bucket})
	if err != nil {
		return err
	}
	tables, err := awslocal.CopyTables(ctx, catalog, store, d.dir)
	if err != nil {
		return err
	}
	files := 0
	for _, t := range tables {
		files += len(t.Files)
	}
	engine, err := duckdb.Open(ctx, duckdb.Config{Catalog: catalog, Root: d.dir, Threads: 1})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, engine.Close()) }()
	d.say("\n5. the Glue catalog has %d Iceberg tables, %d Parquet files; DuckDB over the files of their snapshots says:", len(tables), files)
	for _, sql := range []string{
		"select event_type, count(*) as events, count(distinct event_subtype) as subtypes from events where source = 'github' group by 1 order by 2 desc limit 5",
		"select event_type, count(*) as events, count(distinct day) as days from events where source = 'default' group by 1 order by 2 desc",
	} {
		d.say("\n   %s", sql)
		if _, err := d.ask(ctx, engine, sql, d.out); err != nil {
			return err
		}
	}
	const sum = "select (select count(*) from events where source = 'default') as events, (select sum(amount_cents)::bigint from payment) as cents"
	got, err := d.ask(ctx, engine, sum, io.Discard)
	if err != nil {
		return err
	}
	want := fmt.Sprintf("[%d %d]", d.truth.Unique, d.truth.Cents)
	if len(got) != 1 || fmt.Sprint(got[0]) != want {
		return fmt.Errorf("the generator made %s events and cents, SQL says %v", want, got)
	}
	d.say("   SQL and the generator agree: %d unique events, payments of %d cents", d.truth.Unique, d.truth.Cents)
	return nil
}

// ask prints the answer to a statement and returns its rows.
func (d *demo) ask(ctx context.Context, engine lake.Engine, sql string, out io.Writer) (all [][]any, err error) {
	rows, err := engine.Query(ctx, sql)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	table := tabwriter.NewWriter(out, 0, 0, 3, ' ', 0)
	var names []string
	for _, c := range rows.Columns() {
		names = append(names, c.Name)
	}
	fmt.Fprintf(table, "      %s\n", strings.Join(names, "\t"))
	for {
		row, err := rows.Next()
		if err != nil {
			return nil, err
		}
		if row == nil {
			return all, table.Flush()
		}
		all = append(all, append([]any(nil), row...))
		var cells []string
		for _, v := range row {
			if t, ok := v.(time.Time); ok {
				v = t.Format(time.RFC3339)
			}
			cells = append(cells, fmt.Sprint(v))
		}
		fmt.Fprintf(table, "      %s\n", strings.Join(cells, "\t"))
	}
}
