package glue_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/parquet-go/parquet-go"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/aws/glue"
	"github.com/eventlake/lake/laketest/awslocal"
)

// row is an event as the curate stage writes it.
type row struct {
	EventID  [16]byte  `parquet:"event_id,id(1),uuid"`
	Type     string    `parquet:"event_type,id(2)"`
	Subtype  string    `parquet:"event_subtype,id(3)"`
	Created  time.Time `parquet:"created_datetime,id(4),timestamp(microsecond)"`
	Received time.Time `parquet:"received_at,id(5),timestamp(microsecond)"`
	Source   string    `parquet:"source,id(6)"`
	Shard    string    `parquet:"shard,id(7)"`
	Position string    `parquet:"position,id(8)"`
	Amount   *int32    `parquet:"amount,id(9),optional"`
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
		at, amount := day.Start().Add(time.Duration(i)*time.Second).Time(), first+int32(i)
		r := row{Type: "lesson", Subtype: "started", Created: at, Received: at, Source: "default", Shard: "shardId-000000000000", Position: "1", Amount: &amount}
		binary.BigEndian.PutUint32(r.EventID[:], uint32(amount))
		rows = append(rows, r)
		want = append(want, seen{uuid.UUID(r.EventID).String(), int64(amount)})
	}
	var b bytes.Buffer
	if err := parquet.Write(&b, rows, parquet.Compression(&parquet.Zstd)); err != nil {
		t.Fatal(err)
	}
	info, err := store.Create(t.Context(), key, func(w io.Writer) error { _, err := w.Write(b.Bytes()); return err })
	if err != nil {
		t.Fatal(err)
	}
	le := func(v int64, width int) []byte { return binary.LittleEndian.AppendUint64(nil, uint64(v))[:width] }
	return lake.DataFile{Key: key, Day: day, Rows: int64(n), Bytes: info.Bytes, Columns: []lake.ColumnStat{
		{ID: 4, Values: int64(n), Lower: le(int64(day.Start()), 8), Upper: le(int64((day+1).Start())-1, 8)},
		{ID: 9, Values: int64(n), Lower: le(int64(first), 4), Upper: le(int64(first)+int64(n)-1, 4)},
	}}, want
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
	python := os.Getenv("LAKE_PYICEBERG")
	if python == "" {
		t.Skip("SKIPPED: PyIceberg did not read the tables; set LAKE_PYICEBERG to a Python that has local/catalog/testdata/requirements.txt installed")
	}
	out, err := exec.CommandContext(t.Context(), python, "testdata/read_table.py", s.glue.URL, s.moto.URL, s.name, "lesson").Output()
	if err != nil {
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			t.Fatalf("read_table.py: %v\n%s", err, exit.Stderr)
		}
		t.Fatal(err)
	}
	if err := json.Unmarshal(out, &said); err != nil {
		t.Fatalf("%v in %s", err, out)
	}
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
