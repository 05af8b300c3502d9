package glue_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"net/url"
	"path"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	iceglue "github.com/apache/iceberg-go/catalog/glue"
	iceio "github.com/apache/iceberg-go/io"
	"github.com/apache/iceberg-go/table"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/aws/s3"
	"github.com/eventlake/lake/laketest/awslocal"
)

// bucketIO lets iceberg-go read and write a bucket through our store; its own
// way there would bring a second S3 library along.
type bucketIO struct {
	ctx   context.Context
	store lake.Store
}

func registerS3(t *testing.T, moto *awslocal.Endpoint) {
	iceio.Register("s3", func(_ context.Context, u *url.URL, _ map[string]string) (iceio.IO, error) {
		store, err := s3.New(s3.NewClient(moto.Config()), s3.Options{Bucket: u.Host})
		return bucketIO{t.Context(), store}, err
	})
	t.Cleanup(func() { iceio.Unregister("s3") })
}

func key(name string) lake.Key {
	_, rest, _ := strings.Cut(name, "://")
	_, k, _ := strings.Cut(rest, "/")
	return lake.Key(k)
}

type opened struct {
	*bytes.Reader
	name string
}

func (o opened) Close() error               { return nil }
func (o opened) Stat() (fs.FileInfo, error) { return info{o}, nil }

type info struct{ opened }

func (i info) Name() string       { return path.Base(i.name) }
func (i info) Size() int64        { return i.Reader.Size() }
func (i info) Mode() fs.FileMode  { return 0o444 }
func (i info) ModTime() time.Time { return time.Time{} }
func (i info) IsDir() bool        { return false }
func (i info) Sys() any           { return nil }

func (b bucketIO) Open(name string) (iceio.File, error) {
	o, err := b.store.Open(b.ctx, key(name))
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: name, Err: errors.Join(fs.ErrNotExist, err)}
	}
	data, err := io.ReadAll(o)
	return opened{bytes.NewReader(data), name}, errors.Join(err, o.Close())
}

func (b bucketIO) Remove(name string) error { return b.store.Delete(b.ctx, key(name)) }

func (b bucketIO) WriteFile(name string, p []byte) error {
	_, err := b.store.Create(b.ctx, key(name), func(w io.Writer) error { _, err := w.Write(p); return err })
	return err
}

type written struct {
	bytes.Buffer
	b    bucketIO
	name string
}

func (w *written) Close() error { return w.b.WriteFile(w.name, w.Bytes()) }

func (b bucketIO) Create(name string) (iceio.FileWriter, error) {
	return &written{b: b, name: name}, nil
}

// scan reads all rows with iceberg-go.
func scan(t *testing.T, tbl *table.Table) []seen {
	t.Helper()
	rows, err := tbl.Scan(table.WithSelectedFields("event_id", "amount")).ToArrowTable(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Release()
	var out []seen
	ids, amounts := rows.Column(0).Data().Chunks(), rows.Column(1).Data().Chunks()
	for c := range ids {
		for i := range ids[c].Len() {
			n, err := strconv.ParseInt(amounts[c].ValueStr(i), 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			out = append(out, seen{ids[c].ValueStr(i), n})
		}
	}
	slices.SortFunc(out, func(a, b seen) int { return strings.Compare(a.id, b.id) })
	return out
}

func TestAnotherEngineReadsAndWritesBesideUs(t *testing.T) {
	ctx := t.Context()
	s := newShared(t)
	registerS3(t, s.moto)
	other, err := iceglue.NewCatalog(iceglue.WithAwsConfig(s.glue.Config()))
	if err != nil {
		t.Fatal(err)
	}
	load := func() *table.Table {
		t.Helper()
		tbl, err := other.LoadTable(ctx, table.Identifier{s.name, "lesson"})
		if err != nil {
			t.Fatal(err)
		}
		return tbl
	}
	tbl := load()
	if got := scan(t, tbl); !slices.Equal(got, s.want) {
		t.Fatalf("iceberg-go sees %d rows of %d", len(got), len(s.want))
	}

	// It moves the metadata under us without a new snapshot: our base is good,
	// and what it said stays.
	tx := tbl.NewTransaction()
	if err := tx.SetProperties(map[string]string{"owner": "analysts"}); err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Commit(ctx); err != nil {
		t.Fatal(err)
	}
	s.append(t)
	tbl = load()
	if got := scan(t, tbl); !slices.Equal(got, s.want) || tbl.Properties()["owner"] != "analysts" {
		t.Fatalf("iceberg-go sees %d rows of %d, %v", len(got), len(s.want), tbl.Properties())
	}

	// It removes a file, with a snapshot that does not know of our positions: our
	// base is stale, nothing is lost.
	tx = tbl.NewTransaction()
	gone := s.base.Files[0]
	if err := tx.ReplaceDataFiles(ctx, []string{tbl.Location() + strings.TrimPrefix(string(gone.Key), "tables/lesson")}, nil, nil); err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Commit(ctx); err != nil {
		t.Fatal(err)
	}
	if _, err := s.c.Commit(ctx, lake.TableCommit{Table: "lesson", Base: s.base.Snapshot, Schema: schema()}); !errors.Is(err, lake.ErrStale) {
		t.Fatalf("error is %v", err)
	}
	now, err := s.c.Table(ctx, "lesson")
	if err != nil || len(now.Files) != 3 || has(now, gone.Key) || now.Consumed["shardId-000000000000"] != lake.Pos(4) {
		t.Fatalf("%+v, %v", now, err)
	}
	s.base, s.want = now, s.want[20:]
	s.append(t)
	if got := scan(t, load()); !slices.Equal(got, s.want) {
		t.Fatalf("iceberg-go sees %d rows of %d", len(got), len(s.want))
	}
	// Ours and its metadata are tidied up together.
	if _, err := s.c.Maintain(ctx, "lesson", 0); err != nil {
		t.Fatal(err)
	}
	if got := scan(t, load()); !slices.Equal(got, s.want) {
		t.Fatalf("after maintenance iceberg-go sees %d rows of %d", len(got), len(s.want))
	}
	if done, err := s.c.Check(ctx); err != nil || len(done.Problems) > 0 {
		t.Fatalf("%+v, %v", done, err)
	}
}
