package iceberg_test

import (
	"testing"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/iceberg"
)

func TestRootFindsTheKeyOfAURI(t *testing.T) {
	bucket := iceberg.Root{URI: "s3://bucket/a/lake", Aliases: []string{"s3a", "s3n"}}
	disk := iceberg.Root{URI: "file:///srv/lake", Movable: true}
	for _, tc := range []struct {
		root iceberg.Root
		uri  string
		want lake.Key // "" for no file of the table
	}{
		{bucket, "s3://bucket/a/lake/tables/lesson/data/x.parquet", "tables/lesson/data/x.parquet"},
		{bucket, "s3a://bucket/a/lake/tables/lesson/data/x.parquet", "tables/lesson/data/x.parquet"},
		{bucket, "s3n://bucket/a/lake/tables/lesson/metadata/v1.json", "tables/lesson/metadata/v1.json"},
		{bucket, "gs://bucket/a/lake/tables/lesson/data/x.parquet", ""},
		{bucket, "s3://other/a/lake/tables/lesson/data/x.parquet", ""},
		{bucket, "s3://bucket/tables/lesson/data/x.parquet", ""},
		{bucket, "s3://bucket/a/lake/tables/lessons/data/x.parquet", ""},
		{disk, "file:///srv/lake/tables/lesson/data/x.parquet", "tables/lesson/data/x.parquet"},
		{disk, "file:///old/place/tables/lesson/data/x.parquet", "tables/lesson/data/x.parquet"},
		{disk, "file:///srv/tables/lesson/lake/tables/lesson/data/x.parquet", "tables/lesson/data/x.parquet"},
		{disk, "file:///srv/lake/tables/other/data/x.parquet", ""},
	} {
		got, ok := tc.root.Key("lesson", tc.uri)
		if got != tc.want || ok != (tc.want != "") {
			t.Errorf("%s in %s is %q, %t, want %q", tc.uri, tc.root.URI, got, ok, tc.want)
		}
	}
	if got := bucket.Location("lesson"); got != "s3://bucket/a/lake/tables/lesson" {
		t.Errorf("location is %s", got)
	}
}
