package glue_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/glue"
	"github.com/aws/aws-sdk-go-v2/service/glue/types"
	"github.com/aws/smithy-go"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/aws/awsapi"
	"github.com/eventlake/lake/aws/glue"
	"github.com/eventlake/lake/laketest/memory"
)

// lost is the answer of a service that may have carried out the request.
func lost() error { return &types.InternalServiceException{Message: aws.String("lost")} }

// stand is a table of one file, and a second catalog that sees the same.
type stand struct {
	t     *testing.T
	api   *fake
	store *memory.Store
	c     *glue.Catalog // the one under test
	rival *glue.Catalog
	base  lake.Table
	files int
}

func newStand(t *testing.T) *stand {
	s := &stand{t: t, api: newFake(), store: memory.NewStore()}
	s.c, s.rival = open(t, s.api, s.store, glue.Options{}), open(t, s.api, s.store, glue.Options{})
	s.base = s.must(s.c, lake.Table{})
	return s
}

func schema() lake.Schema {
	return lake.Schema{Columns: append(lake.SystemColumns(), lake.Column{ID: 9, Name: "amount", Type: lake.TypeInt, Doc: "was Amount"}), LastID: 9}
}

// commit appends one new file to base.
func (s *stand) commit(c *glue.Catalog, base lake.Table) (lake.Table, lake.DataFile, error) {
	s.t.Helper()
	s.files++
	f := lake.DataFile{Key: lake.Key(fmt.Sprintf("tables/lesson/data/%03d.parquet", s.files)), Day: 18000, Rows: 1, Bytes: 10}
	put(s.t, s.store, f.Key, f.Bytes)
	got, err := c.Commit(context.Background(), lake.TableCommit{Table: "lesson", Base: base.Snapshot, Schema: schema(), Add: []lake.DataFile{f}})
	return got, f, err
}

func (s *stand) must(c *glue.Catalog, base lake.Table) lake.Table {
	s.t.Helper()
	got, _, err := s.commit(c, base)
	if err != nil {
		s.t.Fatal(err)
	}
	return got
}

// table is what a process that has just started sees.
func (s *stand) table() lake.Table {
	s.t.Helper()
	got, err := open(s.t, s.api, s.store, glue.Options{}).Table(context.Background(), "lesson")
	if err != nil {
		s.t.Fatal(err)
	}
	return got
}

func (s *stand) objects(dir lake.Key) (n int) {
	for _, err := range s.store.List(context.Background(), dir) {
		if err != nil {
			s.t.Fatal(err)
		}
		n++
	}
	return n
}

// once runs do at the n-th call of a kind.
func once(call string, n int, do func() error) func(string) error {
	return func(c string) error {
		if c != call {
			return nil
		}
		if n--; n != 0 {
			return nil
		}
		return do()
	}
}

func has(t lake.Table, k lake.Key) bool {
	for _, f := range t.Files {
		if f.Key == k {
			return true
		}
	}
	return false
}

func TestCommitWhoseAnswerIsLostHasHappened(t *testing.T) {
	for name, rivals := range map[string]int{
		"and nothing came after":                                          0,
		"and another commit came after":                                   1,
		"and so many came after that the metadata's log has forgotten it": 25,
	} {
		t.Run(name, func(t *testing.T) {
			s := newStand(t)
			s.api.after = once("UpdateTable", 1, func() error {
				now := s.table()
				for range rivals {
					now = s.must(s.rival, now)
				}
				return lost()
			})
			got, f, err := s.commit(s.c, s.base)
			if err != nil {
				t.Fatal(err)
			}
			if len(got.Files) != 2 {
				t.Fatalf("the commit's own state has %d files", len(got.Files))
			}
			now := s.table()
			if len(now.Files) != 2+rivals || !has(now, f.Key) {
				t.Fatalf("the table has %d files, ours: %t", len(now.Files), has(now, f.Key))
			}
			if s.api.calls["UpdateTable"] != 1+rivals {
				t.Fatalf("%d updates", s.api.calls["UpdateTable"])
			}
		})
	}
}

func TestCreationWhoseAnswerIsLostHasHappened(t *testing.T) {
	s := &stand{t: t, api: newFake(), store: memory.NewStore()}
	s.c, s.rival = open(t, s.api, s.store, glue.Options{}), open(t, s.api, s.store, glue.Options{})
	s.api.after = once("CreateTable", 1, lost)
	s.base = s.must(s.c, lake.Table{})
	if now := s.table(); now.Snapshot != s.base.Snapshot || s.api.calls["CreateTable"] != 1 {
		t.Fatalf("%+v after %v", now, s.api.calls)
	}
}

// late answers the first UpdateTable with a time-out, and carries it out just
// before the second.
type late struct {
	*fake
	held *sdk.UpdateTableInput
	n    int
}

func (l *late) UpdateTable(ctx context.Context, in *sdk.UpdateTableInput, o ...func(*sdk.Options)) (*sdk.UpdateTableOutput, error) {
	l.n++
	switch l.n {
	case 1:
		l.held = in
		return nil, &smithy.OperationError{ServiceID: "Glue", OperationName: "UpdateTable", Err: &types.OperationTimeoutException{}}
	case 2:
		if _, err := l.fake.UpdateTable(ctx, l.held, o...); err != nil {
			return nil, err
		}
	}
	return l.fake.UpdateTable(ctx, in, o...)
}

func TestCommitThatGlueCarriesOutLateHappensOnce(t *testing.T) {
	s := newStand(t)
	s.c = open(t, &late{fake: s.api}, s.store, glue.Options{})
	got := s.must(s.c, s.base)
	if now := s.table(); now.Snapshot != got.Snapshot || len(now.Files) != 2 {
		t.Fatalf("%+v", now)
	}
	if v := *s.api.tables["lesson"].VersionId; v != "1" {
		t.Fatalf("the table is at version %s after one commit", v)
	}
}

func TestCommitWhoseOutcomeStaysUnknownKeepsItsFiles(t *testing.T) {
	s := newStand(t)
	before := s.objects("tables/lesson/metadata/")
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	s.api.after = func(call string) error {
		if call == "UpdateTable" {
			cancel() // no time is left to look
			return lost()
		}
		return nil
	}
	f := lake.DataFile{Key: "tables/lesson/data/last.parquet", Day: 18000, Rows: 1, Bytes: 10}
	put(t, s.store, f.Key, f.Bytes)
	_, err := s.c.Commit(ctx, lake.TableCommit{Table: "lesson", Base: s.base.Snapshot, Schema: schema(), Add: []lake.DataFile{f}})
	if !errors.Is(err, awsapi.ErrUnknown) || errors.Is(err, lake.ErrStale) {
		t.Fatalf("error is %v", err)
	}
	s.api.after = nil
	if now := s.table(); !has(now, f.Key) || s.objects("tables/lesson/metadata/") != before+3 {
		t.Fatalf("%+v, %d metadata files of %d", now, s.objects("tables/lesson/metadata/"), before+3)
	}
}

func TestLoserOfTwoWritersIsStaleAndLeavesNothing(t *testing.T) {
	s := newStand(t)
	metadata := s.objects("tables/lesson/metadata/")
	var winner lake.Table
	s.api.before = once("UpdateTable", 1, func() error {
		winner = s.must(s.rival, s.base)
		return nil
	})
	_, f, err := s.commit(s.c, s.base)
	if !errors.Is(err, lake.ErrStale) {
		t.Fatalf("error is %v", err)
	}
	if now := s.table(); now.Snapshot != winner.Snapshot || has(now, f.Key) {
		t.Fatalf("%+v", now)
	}
	if n := s.objects("tables/lesson/metadata/"); n != metadata+3 {
		t.Fatalf("%d metadata files, want the winner's 3 beside %d", n, metadata)
	}
	// Its data file is still there for the next try.
	now, err := s.c.Commit(context.Background(), lake.TableCommit{Table: "lesson", Base: winner.Snapshot, Schema: schema(), Add: []lake.DataFile{f}})
	if err != nil || len(now.Files) != 3 {
		t.Fatalf("%d files, %v", len(now.Files), err)
	}
}

func TestWhatOthersSaidAboutTheTableStays(t *testing.T) {
	s := newStand(t)
	s.api.before = once("UpdateTable", 1, func() error { // changed between our look and our update
		s.api.mu.Lock()
		defer s.api.mu.Unlock()
		g := s.api.tables["lesson"]
		g.Description, g.Owner, g.Retention, g.VersionId = aws.String("ours"), aws.String("them"), 7, aws.String("12")
		g.Parameters["classification"] = "parquet"
		g.StorageDescriptor.InputFormat = aws.String("x")
		s.api.tables["lesson"] = g
		return nil
	})
	got := s.must(s.c, s.base)
	g := s.api.tables["lesson"]
	if *g.Description != "ours" || *g.Owner != "them" || g.Retention != 7 || g.Parameters["classification"] != "parquet" || *g.StorageDescriptor.InputFormat != "x" {
		t.Fatalf("%+v", g)
	}
	if *g.VersionId != "13" || g.Parameters["previous_metadata_location"] == "" || s.table().Snapshot != got.Snapshot {
		t.Fatalf("%+v", g)
	}
}

func TestThrottledCallsAreMadeAgain(t *testing.T) {
	s := newStand(t)
	n := map[string]int{}
	s.api.before = func(call string) error {
		if n[call]++; n[call]%3 != 0 {
			return &types.ThrottlingException{Message: aws.String("Rate exceeded")}
		}
		return nil
	}
	got := s.must(s.c, s.base)
	if names, err := s.c.Tables(context.Background()); err != nil || len(names) != 1 {
		t.Fatalf("%v, %v", names, err)
	}
	if s.table().Snapshot != got.Snapshot {
		t.Fatal("lost")
	}
}

func TestDeniedNamesActionAndTable(t *testing.T) {
	s := newStand(t)
	metadata := s.objects("tables/lesson/metadata/")
	s.api.before = once("UpdateTable", 1, func() error { return &types.AccessDeniedException{Message: aws.String("no")} })
	_, _, err := s.commit(s.c, s.base)
	if !errors.Is(err, awsapi.ErrDenied) || !strings.Contains(err.Error()+lake.Hint(err), "glue:UpdateTable") || !strings.Contains(err.Error(), database+".lesson") {
		t.Fatalf("error is %v; %s", err, lake.Hint(err))
	}
	if s.table().Snapshot != s.base.Snapshot {
		t.Fatal("the table changed")
	}
	if s.objects("tables/lesson/metadata/") < metadata {
		t.Fatal("files of the table are gone")
	}
}
