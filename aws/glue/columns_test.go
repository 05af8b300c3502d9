package glue_test

import (
	"context"
	"strings"
	"testing"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/aws/glue"
	"github.com/eventlake/lake/laketest/memory"
)

func TestGlueShowsTheColumns(t *testing.T) {
	api := newFake()
	c := open(t, api, memory.NewStore(), glue.Options{})
	s := lake.Schema{LastID: 40, Columns: append(lake.SystemColumns(),
		lake.Column{ID: 30, Name: "amount", Type: lake.TypeInt, Doc: "was\nAmount"},
		lake.Column{ID: 12, Name: "ratio", Type: lake.TypeDouble, Doc: strings.Repeat("é", 300)},
		lake.Column{ID: 13, Name: "ok", Type: lake.TypeBool},
		lake.Column{ID: 20, Name: "user", Type: lake.TypeStruct, Fields: []lake.Column{
			{ID: 21, Name: "id", Type: lake.TypeLong},
			{ID: 22, Name: "tags", Type: lake.TypeList, Fields: []lake.Column{{ID: 23, Name: "element", Type: lake.TypeString}}},
			{ID: 24, Name: "at", Type: lake.TypeTimestamp},
		}},
		lake.Column{ID: 31, Name: strings.Repeat("x", 256), Type: lake.TypeInt},
		wide(),
	)}
	if _, err := c.Commit(context.Background(), lake.TableCommit{Table: "lesson", Schema: s}); err != nil {
		t.Fatal(err)
	}
	g := api.tables["lesson"]
	if *g.TableType != "EXTERNAL_TABLE" || g.Parameters["table_type"] != "ICEBERG" || *g.StorageDescriptor.Location != root+"/tables/lesson" ||
		!strings.HasPrefix(g.Parameters["metadata_location"], root+"/tables/lesson/metadata/00000-") || g.PartitionKeys == nil {
		t.Fatalf("%+v", g)
	}
	want := []string{
		"event_id string 1 false", "event_type string 2 false", "event_subtype string 3 false", "created_datetime timestamp 4 false",
		"received_at timestamp 5 false", "source string 6 false", "shard string 7 false", "position string 8 false",
		"amount int 30 true", "ratio double 12 true", "ok boolean 13 true",
		"user struct<id:bigint,tags:array<string>,at:timestamp> 20 true", "deep string 40 true",
	}
	cols := g.StorageDescriptor.Columns
	if len(cols) != len(want) {
		t.Fatalf("%d columns, want %d", len(cols), len(want))
	}
	for i, col := range cols {
		got := *col.Name + " " + *col.Type + " " + col.Parameters["iceberg.field.id"] + " " + col.Parameters["iceberg.field.optional"]
		if got != want[i] || col.Parameters["iceberg.field.current"] != "true" {
			t.Errorf("column %q, want %q", got, want[i])
		}
		if col.Comment != nil && (len([]rune(*col.Comment)) > 255 || strings.ContainsAny(*col.Comment, "\n")) {
			t.Errorf("comment %q", *col.Comment)
		}
	}
}

// wide is a column whose type Glue would refuse for its length.
func wide() lake.Column {
	c := lake.Column{ID: 40, Name: "deep", Type: lake.TypeStruct}
	c.Fields = append(c.Fields, lake.Column{ID: 39, Name: strings.Repeat("y", 140000), Type: lake.TypeInt})
	return c
}
