package glue_test

import (
	"context"
	"fmt"
	"io"
	"slices"
	"testing"

	"github.com/google/uuid"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/aws/glue"
	"github.com/eventlake/lake/laketest/awslocal"
	"github.com/eventlake/lake/laketest/catalogtest"
)

// row is an event in the table.
type row struct {
	catalogtest.Row
	Amount *int32 `parquet:"amount,id(9),optional"`
}

// seen is a row as a reader says it.
type seen struct {
	id     string
	amount int64
}

// parquetFile writes n rows with amounts from first on and returns what a reader
// should see of them.
func parquetFile(t *testing.T, store lake.Store, key lake.Key, day lake.Day, n int, first int32) (lake.DataFile, []seen) {
	t.Helper()
	var rows []row
	var want []seen
	for i := range n {
		amount := first + int32(i)
		r := row{catalogtest.RowAt(day, i, uint32(amount)), &amount}
		rows = append(rows, r)
		want = append(want, seen{uuid.UUID(r.EventID).String(), int64(amount)})
	}
	f, text := catalogtest.Parquet(t, key, day, rows, int64(first), int64(first)+int64(n)-1, 4)
	if _, err := store.Create(t.Context(), key, func(w io.Writer) error { _, err := w.Write(text); return err }); err != nil {
		t.Fatal(err)
	}
	return f, want
}

// shared is a table in moto that other engines look at.
type shared struct {
	*cloud
	name string // of the database and the bucket
	c    *glue.Catalog
	base lake.Table
	want []seen
	n    int32
}

func newShared(t *testing.T) *shared {
	t.Helper()
	const name = "lake-shared"
	moto := awslocal.Moto(t)
	s := &shared{cloud: newCloud(t, moto, awslocal.Glue(t, moto), name), name: name}
	s.c = open(t, s.api, s.store, glue.Options{Database: name, Root: "s3://" + name + "/below"})
	for range 3 {
		s.append(t)
	}
	return s
}

// append commits one more file of a day of its own.
func (s *shared) append(t *testing.T) {
	t.Helper()
	s.n++
	f, rows := parquetFile(t, s.store, lake.Key(fmt.Sprintf("tables/lesson/data/%d.parquet", s.n)), 18829+lake.Day(s.n), 20, 1000*s.n)
	var err error
	s.base, err = s.c.Commit(context.Background(), lake.TableCommit{Table: "lesson", Base: s.base.Snapshot, Schema: schema(), Add: []lake.DataFile{f},
		Consumed: map[lake.ShardID]lake.Position{"shardId-000000000000": lake.Pos(uint64(s.n))}})
	if err != nil {
		t.Fatal(err)
	}
	s.want = append(s.want, rows...)
}

// pyiceberg is what the script says of the table.
type pyiceberg struct {
	Tables               []string
	Rows                 [][2]any
	Consumed, Properties map[string]string
}

func (p *pyiceberg) seen() (rows []seen) {
	for _, r := range p.Rows {
		id, _ := r[0].(string)
		amount, _ := r[1].(float64)
		rows = append(rows, seen{id, int64(amount)})
	}
	return rows
}

func (s *shared) pyiceberg(t *testing.T) (said pyiceberg) {
	t.Helper()
	catalogtest.ReadTable(t, catalogtest.PyIceberg(t), &said, s.glue.URL, s.moto.URL, s.name, "lesson")
	return said
}

func TestPyIcebergReadsWhatWeCommit(t *testing.T) {
	s := newShared(t)
	for _, position := range []string{"3", "4"} {
		said := s.pyiceberg(t)
		if !slices.Equal(said.Tables, []string{s.name + ".lesson"}) || !slices.Equal(said.seen(), s.want) || said.Consumed["shardId-000000000000"] != position {
			t.Fatalf("PyIceberg says %v, %d rows of %d, %v", said.Tables, len(said.Rows), len(s.want), said.Consumed)
		}
		s.append(t)
	}
}
