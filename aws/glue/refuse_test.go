package glue_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/glue/types"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/aws/glue"
	"github.com/eventlake/lake/iceberg"
	"github.com/eventlake/lake/laketest/memory"
)

func TestMissingDatabaseSaysWhatToDo(t *testing.T) {
	c, err := glue.New(newFake(), memory.NewStore(), glue.Options{Database: "none", Root: root, Retry: quick()})
	if err != nil {
		t.Fatal(err)
	}
	_, list := c.Tables(context.Background())
	_, commit := c.Commit(context.Background(), lake.TableCommit{Table: "lesson", Schema: schema()})
	for _, err := range []error{list, commit} {
		if !errors.Is(err, lake.ErrNotFound) || !strings.Contains(err.Error(), "database none") || !strings.Contains(lake.Hint(err), "LAKE_GLUE_DATABASE") {
			t.Errorf("error is %v; %s", err, lake.Hint(err))
		}
	}
}

func TestTablesOfOthersAreLeftAlone(t *testing.T) {
	api := newFake()
	api.tables["lesson"] = types.Table{Name: aws.String("lesson"), VersionId: aws.String("0"), Parameters: map[string]string{"classification": "json"}}
	api.tables["raw_lesson"] = types.Table{Name: aws.String("raw_lesson"), VersionId: aws.String("0")}
	c := open(t, api, memory.NewStore(), glue.Options{})
	for _, n := range []lake.TableName{"b", "a", "c"} {
		if _, err := c.Commit(context.Background(), lake.TableCommit{Table: n, Schema: schema()}); err != nil {
			t.Fatal(err)
		}
	}
	names, err := c.Tables(context.Background())
	if err != nil || !slices.Equal(names, []lake.TableName{"a", "b", "c"}) {
		t.Fatalf("%v, %v", names, err)
	}
	_, err = c.Commit(context.Background(), lake.TableCommit{Table: "lesson", Schema: schema()})
	if !errors.Is(err, lake.ErrInvalid) || !strings.Contains(err.Error(), database+".lesson") || lake.Hint(err) == "" {
		t.Fatalf("error is %v; %s", err, lake.Hint(err))
	}
	if api.tables["lesson"].Parameters["classification"] != "json" {
		t.Fatal("the crawler's table was changed")
	}
}

func TestTableElsewhereIsRefused(t *testing.T) {
	api := newFake()
	api.tables["lesson"] = types.Table{Name: aws.String("lesson"), VersionId: aws.String("0"), Parameters: map[string]string{
		"table_type": "iceberg", "metadata_location": "s3://another/tables/lesson/metadata/1.metadata.json"}}
	_, err := open(t, api, memory.NewStore(), glue.Options{}).Table(context.Background(), "lesson")
	if !errors.Is(err, lake.ErrInvalid) || !strings.Contains(err.Error(), "s3://another/") || lake.Hint(err) == "" {
		t.Fatalf("error is %v; %s", err, lake.Hint(err))
	}
}

func TestOptionsThatCannotBeUsedAreRefused(t *testing.T) {
	for name, o := range map[string]glue.Options{
		"no database":         {Root: root},
		"capitals":            {Database: "Lake", Root: root},
		"no place":            {Database: database},
		"a place without s3:": {Database: database, Root: "/tmp"},
		"no bucket":           {Database: database, Root: "s3:///"},
	} {
		if _, err := glue.New(newFake(), memory.NewStore(), o); !errors.Is(err, lake.ErrInvalid) || lake.Hint(err) == "" {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestObjectsDeletedByHandAreCorruptWithAHint(t *testing.T) {
	s := newStand(t)
	for info, err := range s.store.List(context.Background(), "tables/lesson/metadata/snap-") {
		if err == nil {
			err = s.store.Delete(context.Background(), info.Key)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	_, err := open(t, s.api, s.store, glue.Options{}).Table(context.Background(), "lesson")
	if !errors.Is(err, lake.ErrCorrupt) || errors.Is(err, lake.ErrNotFound) || lake.Hint(err) == "" || !strings.Contains(err.Error(), "snap-") {
		t.Fatalf("error is %v; %s", err, lake.Hint(err))
	}
	_, err = open(t, s.api, s.store, glue.Options{}).Commit(context.Background(), lake.TableCommit{Table: "lesson", Schema: schema()})
	if !errors.Is(err, lake.ErrCorrupt) {
		t.Fatalf("error is %v", err)
	}
}

func TestCheckNamesObjectsThatAreGoneOrCut(t *testing.T) {
	ctx := context.Background()
	s := newStand(t)
	s.must(s.c, s.base)
	gone, cut := s.table().Files[0].Key, s.table().Files[1].Key
	if err := errors.Join(s.store.Delete(ctx, gone), s.store.Delete(ctx, cut)); err != nil {
		t.Fatal(err)
	}
	put(t, s.store, cut, 3)
	done, err := s.c.Check(ctx)
	if err != nil || len(done.Problems) != 2 {
		t.Fatalf("%+v, %v", done, err)
	}
	slices.SortFunc(done.Problems, func(a, b iceberg.Problem) int { return strings.Compare(string(a.Key), string(b.Key)) })
	for i, want := range []string{string(gone) + " is missing", string(cut) + " has 3 bytes, the table says 10"} {
		if got := done.Problems[i].String(); got != want {
			t.Errorf("problem %q, want %q", got, want)
		}
	}
	for info, err := range s.store.List(ctx, "tables/lesson/metadata/00001-") {
		if err == nil {
			err = s.store.Delete(ctx, info.Key)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	done, err = s.c.Check(ctx)
	if err != nil || len(done.Problems) != 1 || done.Problems[0].Harm != iceberg.HarmCurrent || done.Problems[0].What != "is missing" {
		t.Fatalf("%+v, %v", done, err)
	}
}
