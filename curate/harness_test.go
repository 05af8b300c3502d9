package curate_test

import (
	"context"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"testing"
	"time"

	_ "github.com/duckdb/duckdb-go/v2"
	"github.com/zeebo/xxh3"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/curate"
	"github.com/eventlake/lake/laketest/memory"
	"github.com/eventlake/lake/raw"
)

const shard lake.ShardID = "shard-000"

var start = lake.InstantOf(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC))

// rig is the raw end of a lake: events go in, files come out of its ledger.
type rig struct {
	t       *testing.T
	store   *memory.Store
	ledger  *memory.Ledger
	catalog *memory.Catalog
	writer  *raw.Writer
	lines   *raw.Reader
	at      map[lake.ShardID]uint64
}

func newRig(t *testing.T) *rig {
	t.Helper()
	store := memory.NewStore()
	zip, err := raw.NewCompressor(store, 1)
	if err != nil {
		t.Fatal(err)
	}
	return &rig{t: t, store: store, ledger: memory.NewLedger(time.Hour), catalog: memory.NewCatalog(),
		writer: raw.NewWriter(zip, nil), lines: raw.NewReader(store, nil), at: map[lake.ShardID]uint64{}}
}

// event is one event to be put into raw; zero fields have defaults.
type event struct {
	body     string
	id       string // default: the body
	kind     string // default: "order"
	created  lake.Instant
	received lake.Instant
	shard    lake.ShardID
}

func idOf(s string) lake.ID { return lake.ID(xxh3.HashString128(s).Bytes()) }

// span commits the events as one span of each shard.
func (r *rig) span(events ...event) {
	r.t.Helper()
	byShard := map[lake.ShardID][]event{}
	for _, e := range events {
		if e.shard == "" {
			e.shard = shard
		}
		byShard[e.shard] = append(byShard[e.shard], e)
	}
	for id, list := range byShard {
		buf := raw.NewBuffer(raw.NewMemory(1 << 20))
		after := r.at[id]
		for _, e := range list {
			r.at[id]++
			if e.kind == "" {
				e.kind = "order"
			}
			if e.id == "" {
				e.id = e.body
			}
			if e.created == 0 {
				e.created = start
			}
			if e.received == 0 {
				e.received = e.created.Add(time.Second)
			}
			f := raw.Fields{ID: idOf(e.id), Type: []byte(e.kind), Subtype: []byte("made"), Created: e.created,
				Source: "web", Shard: id, Position: lake.Pos(r.at[id]), Received: e.received}
			for i, k := range raw.Keys() {
				if strings.Contains(e.body, `"`+k+`"`) {
					f.Taken |= 1 << i
				}
			}
			p := lake.Partition{Name: lake.Name{Type: e.kind, Subtype: "made"}, Day: e.created.Day()}
			buf.Part(p).Add([]byte(e.body), &f)
		}
		span := lake.Span{After: lake.Pos(after), To: lake.Pos(r.at[id])}
		files, err := buf.Write(context.Background(), r.writer, id, span)
		if err != nil {
			r.t.Fatal(err)
		}
		if err := r.ledger.Commit(context.Background(), lake.Commit{Shard: id, Span: span, Add: files,
			Books: []lake.Tally{{Book: lake.Book{Source: "web", Type: "order"}, Unique: int64(len(list))}}}); err != nil {
			r.t.Fatal(err)
		}
	}
}

func bodies(b ...string) []event {
	out := make([]event, len(b))
	for i := range b {
		out[i].body = b[i]
	}
	return out
}

func (r *rig) config() curate.Config {
	return curate.Config{Backlog: r.ledger, Store: r.store, Catalog: r.catalog, Lines: r.lines, LateAfter: time.Hour}
}

func (r *rig) curator(change ...func(*curate.Config)) *curate.Curator {
	r.t.Helper()
	c := r.config()
	for _, f := range change {
		f(&c)
	}
	cur, err := curate.New(c)
	if err != nil {
		r.t.Fatal(err)
	}
	return cur
}

func (r *rig) once(change ...func(*curate.Config)) curate.Report {
	r.t.Helper()
	report, err := r.curator(change...).Once(context.Background())
	if err != nil {
		r.t.Fatal(err)
	}
	return report
}

func (r *rig) table(name lake.TableName) lake.Table {
	r.t.Helper()
	t, err := r.catalog.Table(context.Background(), name)
	if err != nil {
		r.t.Fatal(err)
	}
	return t
}

// query runs SQL over the table's files with DuckDB; the files are the view t,
// and their names the variable files.
func (r *rig) query(table lake.Table, query string) []string {
	r.t.Helper()
	dir := r.t.TempDir()
	var names []string
	for i, f := range table.Files {
		obj, err := r.store.Open(context.Background(), f.Key)
		if err != nil {
			r.t.Fatal(err)
		}
		data, err := io.ReadAll(obj)
		if err != nil {
			r.t.Fatal(err)
		}
		name := filepath.Join(dir, fmt.Sprintf("%d.parquet", i))
		if err := os.WriteFile(name, data, 0o600); err != nil {
			r.t.Fatal(err)
		}
		names = append(names, "'"+name+"'")
	}
	db, err := sql.Open("duckdb", "")
	if err != nil {
		r.t.Fatal(err)
	}
	defer func() {
		if err := db.Close(); err != nil {
			r.t.Error(err)
		}
	}()
	db.SetMaxOpenConns(1)
	if _, err := db.Exec("set variable files = [" + strings.Join(names, ",") + "]"); err != nil {
		r.t.Fatal(err)
	}
	view := "create view t as select * from read_parquet([" + strings.Join(names, ",") + "], union_by_name=true)"
	if _, err := db.Exec(view); err != nil {
		r.t.Fatal(err)
	}
	rows, err := db.Query(query)
	if err != nil {
		r.t.Fatalf("%s: %v", query, err)
	}
	var out []string
	for rows.Next() {
		var s sql.NullString
		if err := rows.Scan(&s); err != nil {
			r.t.Fatal(err)
		}
		out = append(out, s.String)
	}
	if err := rows.Err(); err != nil {
		r.t.Fatal(err)
	}
	return out
}

// rows are the inferred columns of all rows as JSON, in log order, nulls left
// out at the top level.
func (r *rig) rows(table lake.Table) []string {
	r.t.Helper()
	system := ""
	for _, c := range lake.SystemColumns() {
		system += ", " + c.Name
	}
	var out []string
	for _, line := range r.query(table, "select to_json(columns)::varchar from (select * exclude ("+system[2:]+
		"), shard, position::ubigint as lake_p from t) as columns order by shard, lake_p") {
		var m map[string]json.RawMessage
		if err := json.Unmarshal([]byte(line), &m); err != nil {
			r.t.Fatal(err)
		}
		delete(m, "lake_p")
		delete(m, "shard")
		keys := make([]string, 0, len(m))
		for k, v := range m {
			if string(v) != "null" {
				keys = append(keys, k)
			}
		}
		sort.Strings(keys)
		for i, k := range keys {
			keys[i] = k + "=" + string(m[k])
		}
		out = append(out, strings.Join(keys, " "))
	}
	return out
}

// columns describes the inferred part of a schema.
func columns(s lake.Schema) []string {
	var out []string
	for _, c := range s.Columns[8:] {
		out = append(out, c.Name+" "+typeOf(c))
	}
	return out
}

func typeOf(c lake.Column) string {
	switch {
	case c.JSON:
		return "json"
	case c.Type == lake.TypeStruct:
		var fs []string
		for _, f := range c.Fields {
			fs = append(fs, f.Name+" "+typeOf(f))
		}
		return "{" + strings.Join(fs, ", ") + "}"
	case c.Type == lake.TypeList:
		return "[" + typeOf(c.Fields[0]) + "]"
	}
	return string(c.Type)
}

// ids are the event_ids of a table's rows with how often each is there.
func (r *rig) ids(table lake.Table) map[string]int {
	r.t.Helper()
	out := map[string]int{}
	for _, f := range table.Files {
		for row, err := range curate.Rows(context.Background(), r.store, f) {
			if err != nil {
				r.t.Fatal(err)
			}
			out[hex.EncodeToString(row.ID[:])]++
		}
	}
	return out
}
