package audit_test

import (
	"context"
	"fmt"
	"iter"
	"strings"
	"testing"
	"time"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/audit"
	"github.com/eventlake/lake/curate"
	"github.com/eventlake/lake/ingest"
	"github.com/eventlake/lake/laketest/memory"
	"github.com/eventlake/lake/quarantine"
	"github.com/eventlake/lake/raw"
	"github.com/eventlake/lake/replay"
	"github.com/eventlake/lake/transform"
)

const received = lake.Instant(1_767_225_600_123_456)

// lakeOf is a small whole lake in memory.
type lakeOf struct {
	stream  *memory.Stream
	ledger  *memory.Ledger
	store   *memory.Store
	catalog *memory.Catalog
	gzip    *raw.Compressor
	curator *curate.Curator
	mapping transform.Mapping
}

func newLake(t *testing.T) *lakeOf {
	t.Helper()
	l := &lakeOf{
		stream: memory.NewStream(2), ledger: memory.NewLedger(time.Hour), store: memory.NewStore(), catalog: memory.NewCatalog(),
		mapping: transform.DefaultMapping(),
	}
	var err error
	if l.gzip, err = raw.NewCompressor(l.store, 1); err != nil {
		t.Fatal(err)
	}
	if l.curator, err = curate.New(curate.Config{Backlog: l.ledger, Store: l.store, Catalog: l.catalog, Lines: raw.NewReader(l.store, nil)}); err != nil {
		t.Fatal(err)
	}
	return l
}

func (l *lakeOf) sources(lake.SourceID) *transform.Transformer {
	t, err := transform.New(l.mapping)
	if err != nil {
		panic(err)
	}
	return t
}

func (l *lakeOf) append(t *testing.T, bodies ...string) {
	t.Helper()
	var events []lake.Event
	for _, b := range bodies {
		var row transform.Row
		_ = l.sources("shop").Scanner().Scan("shop", []byte(b), received, &row) // a refused body has an ID too
		events = append(events, lake.Event{ID: row.ID, Source: "shop", Received: received, Body: []byte(b)})
	}
	if err := l.stream.Append(t.Context(), events); err != nil {
		t.Fatal(err)
	}
}

// settle brings everything into the tables.
func (l *lakeOf) settle(t *testing.T) {
	t.Helper()
	shards, err := l.stream.Shards(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range shards {
		core := ingest.NewCore(s.ID, l.ledger, l.sources, ingest.NewNames(ingest.Caps{Types: 9, Subtypes: 9}, nil),
			raw.NewWriter(l.gzip, nil), l.gzip, raw.NewMemory(1<<20))
		if err := ingest.NewWorker(core, l.stream, ingest.Options{}).Drain(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := l.curator.Once(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func (l *lakeOf) audit(t *testing.T) *audit.Report {
	t.Helper()
	r, err := audit.Run(t.Context(), audit.Parts{
		Stream: l.stream, Ledger: l.ledger, Catalog: l.catalog, Lines: raw.NewReader(l.store, nil), ClaimTTL: 3600,
		Rows: func(ctx context.Context, f lake.DataFile) iter.Seq2[audit.Row, error] {
			return func(yield func(audit.Row, error) bool) {
				for row, err := range curate.Rows(ctx, l.store, f) {
					if !yield(audit.Row{ID: row.ID, Source: row.Source, Received: row.Received}, err) {
						return
					}
				}
			}
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func event(id string) string {
	return fmt.Sprintf(`{"event_uuid":%q,"event_name":"account:open","created_at":1767225600}`, id)
}

func (l *lakeOf) filled(t *testing.T) *lakeOf {
	l.append(t, event("1"), event("2"), event("1"), `{"broken`, event("3"))
	l.settle(t)
	return l
}

func TestWhatIsRightBalances(t *testing.T) {
	l := newLake(t).filled(t)
	r := l.audit(t)
	if !r.OK() || r.Accepted != 5 || r.Unique != 3 || r.Duplicate != 1 || r.Quarantined != 1 || r.TableRows != 3 || r.LogRecords != 5 {
		t.Errorf("%+v", r)
	}
	l.append(t, event("4"))
	if r := l.audit(t); !r.OK() || r.InFlight != 1 || r.Accepted != 6 {
		t.Errorf("%+v", r)
	}
}

// Each damage must be found, and its place named.
func TestWhatIsWrongIsNamed(t *testing.T) {
	file := func(l *lakeOf, kind lake.Kind) lake.File {
		j, err := l.ledger.Journal(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for f := range j.Files(kind) {
			return f
		}
		t.Fatalf("no %s file", kind)
		return lake.File{}
	}
	for name, c := range map[string]struct {
		damage func(*lakeOf) error
		want   string
	}{
		"a raw file is gone":        {func(l *lakeOf) error { return l.store.Delete(t.Context(), file(l, lake.KindRaw).Key) }, "raw/event_type=account"},
		"a quarantine file is gone": {func(l *lakeOf) error { return l.store.Delete(t.Context(), file(l, lake.KindQuarantine).Key) }, "quarantine/day="},
		"a raw file has other bytes": {func(l *lakeOf) error {
			f := file(l, lake.KindRaw)
			if err := l.store.Delete(t.Context(), f.Key); err != nil {
				return err
			}
			_, err := l.gzip.Create(t.Context(), f.Key, []byte("{}\n"))
			return err
		}, "raw/event_type=account"},
		"a table file is gone": {func(l *lakeOf) error {
			table, err := l.catalog.Table(t.Context(), "account")
			if err != nil {
				return err
			}
			return l.store.Delete(t.Context(), table.Files[0].Key)
		}, "lake rebuild --type account --from 2026-01-01 --to 2026-01-02"},
		"the table has a row twice": {func(l *lakeOf) error {
			table, err := l.catalog.Table(t.Context(), "account")
			if err != nil {
				return err
			}
			copied := table.Files[0]
			copied.Key += "2"
			_, err = l.catalog.Commit(t.Context(), lake.TableCommit{Table: "account", Base: table.Snapshot, Schema: table.Schema, Add: []lake.DataFile{copied}})
			return err
		}, "tables/account"},
		"the books say more": {func(l *lakeOf) error {
			p, err := l.ledger.Position(t.Context(), "shard-000")
			if err != nil {
				return err
			}
			return l.ledger.Commit(t.Context(), lake.Commit{Shard: "shard-000", Span: lake.Span{After: p, To: p}, Books: []lake.Tally{
				{Book: lake.Book{Source: "shop", Type: "account", Hour: received.Hour()}, Unique: 1}}})
		}, "account"},
	} {
		t.Run(name, func(t *testing.T) {
			l := newLake(t).filled(t)
			if err := c.damage(l); err != nil {
				t.Fatal(err)
			}
			r := l.audit(t)
			if r.OK() || !strings.Contains(fmt.Sprint(r.Problems), c.want) {
				t.Errorf("%+v", r.Problems)
			}
			for _, p := range r.Problems {
				if strings.Contains(p.What, p.Where) || strings.Contains(p.What, "\n") {
					t.Errorf("%s is named again, or there is a line too many: %q", p.Where, p.What)
				}
			}
		})
	}
}

func TestRetriedEventsStayInTheBooksAndComeOnce(t *testing.T) {
	l := newLake(t)
	old := `{"event_uuid":"old","event_name":"account:open","created_at":1000}` // 1970: out of range
	l.append(t, event("1"), old, `{"broken`)
	l.settle(t)
	l.mapping.Earliest = 0 // the fix
	retry := quarantine.Retrier{Ledger: l.ledger, Stream: l.stream, Lines: raw.NewReader(l.store, nil), Gzip: l.gzip, Sources: l.sources,
		Clock: func() lake.Instant { return received + 1 }}
	for i, want := range []int64{1, 0} {
		done, err := retry.Retry(t.Context(), quarantine.Filter{})
		if err != nil || done.Sent != want || done.StillBad != 1 {
			t.Fatalf("retry %d: %+v, %v", i, done, err)
		}
	}
	l.settle(t)
	if r := l.audit(t); !r.OK() || r.Unique != 2 || r.Quarantined != 2 || r.TableRows != 2 {
		t.Errorf("%+v", r)
	}
}

func TestReplayedEventsAreAllDuplicates(t *testing.T) {
	l := newLake(t).filled(t)
	j, err := l.ledger.Journal(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	files := replay.Select(j, replay.Range{Types: []string{"ACCOUNT"}, From: new(received.Day().Start())})
	done, err := replay.Publish(t.Context(), raw.NewReader(l.store, nil), files, replay.Range{}, replay.Pace{},
		replay.ToStream(l.stream, func() lake.Instant { return received + 1 }), nil)
	if err != nil || done.Events != 3 {
		t.Fatalf("%+v, %v", done, err)
	}
	l.settle(t)
	if r := l.audit(t); !r.OK() || r.Unique != 3 || r.Duplicate != 4 || r.TableRows != 3 {
		t.Errorf("%+v", r)
	}
	var b strings.Builder
	lines := replay.TargetFunc(func(_ context.Context, events []lake.Event) error {
		for _, e := range events {
			b.WriteString(string(e.Body) + "\n")
		}
		return nil
	})
	if _, err := replay.Publish(t.Context(), raw.NewReader(l.store, nil), files, replay.Range{}, replay.Pace{}, lines, nil); err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{"1", "2", "3"} {
		if !strings.Contains(b.String(), event(id)+"\n") {
			t.Errorf("event %s is not as it was sent in %q", id, b.String())
		}
	}
}
