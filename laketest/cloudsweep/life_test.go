package cloudsweep

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"log/slog"

	"github.com/eventlake/lake"
	stagecurate "github.com/eventlake/lake/curate"
	stageingest "github.com/eventlake/lake/ingest"
	"github.com/eventlake/lake/laketest/fault"
	"github.com/eventlake/lake/lambda/curate"
	"github.com/eventlake/lake/lambda/ingest"
	"github.com/eventlake/lake/lambda/replay"
	"github.com/eventlake/lake/raw"
	stagereplay "github.com/eventlake/lake/replay"
	"github.com/eventlake/lake/transform"
)

func (a *account) put(ctx context.Context, key lake.Key, body []byte) (lake.Info, error) {
	return a.store.Create(ctx, key, func(w io.Writer) error { _, err := w.Write(body); return err })
}

// payload is what the event source mapping hands over.
func payload(shard lake.ShardID, records []lake.Record) ([]byte, error) {
	type kinesis struct {
		Sequence string  `json:"sequenceNumber"`
		Arrived  float64 `json:"approximateArrivalTimestamp"`
		Data     string  `json:"data"`
	}
	type record struct {
		ID      string  `json:"eventID"`
		Kinesis kinesis `json:"kinesis"`
	}
	var in struct{ Records []record }
	for _, r := range records {
		in.Records = append(in.Records, record{fmt.Sprintf("%s:%s", shard, r.Position),
			kinesis{r.Position.String(), float64(r.Received) / 1e6, base64.StdEncoding.EncodeToString(r.Body)}})
	}
	return json.Marshal(in)
}

// mutant makes the ledger wrong on purpose.
type mutant func(*account, fault.FullLedger) fault.FullLedger

// lambdas are the handlers of one deployment, over ports behind a gate. A crash
// kills them all; the next ones are made anew.
type lambdas struct {
	ingest  *ingest.Handler
	curate  *curate.Handler
	rival   *curate.Handler // a second process of the same function
	replay  *replay.Handler
	between func(context.Context) // what happens before the next table commit
}

func (a *account) deploy(gate *fault.Gate, m mutant) (*lambdas, error) {
	var ledger fault.FullLedger = a.ledger
	if m != nil {
		ledger = m(a, ledger)
	}
	ledger = fault.Ledger(gate, hasty{ledger, a})
	store := fault.Store(gate, a.store)
	l := &lambdas{}
	gz, err := raw.NewCompressor(store, 1)
	if err != nil {
		return nil, err
	}
	tr, err := transform.New(transform.DefaultMapping())
	if err != nil {
		return nil, err
	}
	memory := raw.NewMemory(1 << 20)
	caps := stageingest.Caps{Types: 2, Subtypes: 1} // of three types with two subtypes each
	handed := func() *stageingest.Handed {
		return stageingest.NewHanded(func(shard lake.ShardID) *stageingest.Core {
			names := stageingest.NewSharedNames(caps, list{a, gate})
			return stageingest.NewCore(shard, ledger, func(lake.SourceID) *transform.Transformer { return tr }, names, delivery{a, gate}, gz, memory)
		}, receipts{a, gate})
	}
	l.ingest = ingest.New(ingest.Config{Handed: handed()})
	if l.curate, err = a.curator(ledger, store, interrupted{fault.Catalog(gate, a.catalog), l}); err != nil {
		return nil, err
	}
	if l.rival, err = a.curator(ledger, store, fault.Catalog(gate, a.catalog)); err != nil {
		return nil, err
	}
	lines := raw.NewReader(store, nil)
	drained := handed()
	batches := ingest.New(ingest.Config{Handed: drained, Settled: receipts{a, gate}})
	l.replay = replay.New(replay.Config{
		Ledger: ledger, Store: store, Lines: lines,
		Target: func(float64) (stagereplay.Target, error) {
			return stagereplay.ToStream(fault.Stream(gate, a.stream), func() lake.Instant { return a.now }), nil
		},
		Rebuilder: &stagereplay.Rebuilder{
			Catalog:   fault.Catalog(gate, a.catalog),
			Exclusive: func(context.Context, lake.TableName) (func(), error) { return func() {}, nil },
			Build:     stagecurate.BuildConfig{Store: store, Lines: lines},
		},
		Drain: &replay.Drain{Store: store, Prefix: "failed/", Bucket: "lake", Batch: batches.Settle, Settled: receipts{a, gate}, Stream: fault.Stream(gate, a.stream),
			Handed: drained, Log: slog.New(slog.DiscardHandler)},
	})
	return l, nil
}

func (a *account) curator(ledger fault.FullLedger, store lake.Store, catalog lake.Catalog) (*curate.Handler, error) {
	c, err := stagecurate.New(stagecurate.Config{Backlog: ledger, Store: store, Catalog: catalog, Lines: raw.NewReader(store, nil)})
	if err != nil {
		return nil, err
	}
	return curate.New(curate.Config{
		Ledger: ledger, Store: store, Catalog: catalog, Curator: c, Bucket: "lake", Keep: 0, Clock: lake.SystemClock,
	}), nil
}

// interrupted lets something happen just before a table commit.
type interrupted struct {
	lake.Catalog
	l *lambdas
}

func (c interrupted) Commit(ctx context.Context, tc lake.TableCommit) (lake.Table, error) {
	if between := c.l.between; between != nil {
		c.l.between = nil
		between(ctx)
	}
	return c.Catalog.Commit(ctx, tc)
}

// list puts the gate in front of the names.
type list struct {
	a    *account
	gate *fault.Gate
}

func (l list) Names(ctx context.Context) (out []lake.Name, err error) {
	err = l.gate.Do("names.Names", func() error { out, err = l.a.names.Names(ctx); return err })
	return out, err
}

func (l list) SetNames(ctx context.Context, n int, names []lake.Name) error {
	return l.gate.Do("names.SetNames", func() error { return l.a.names.SetNames(ctx, n, names) })
}

// receipts puts the gate in front of the receipts.
type receipts struct {
	a    *account
	gate *fault.Gate
}

func (r receipts) Record(ctx context.Context, receipt lake.Receipt) error {
	return r.gate.Do("receipts.Record", func() error { return r.a.receipts.Record(ctx, receipt) })
}

func (r receipts) ReceiptsIn(ctx context.Context, shard lake.ShardID, first, last lake.Position) iter.Seq2[lake.Receipt, error] {
	return func(yield func(lake.Receipt, error) bool) {
		if err := r.gate.Do("receipts.ReceiptsIn", func() error { return nil }); err != nil {
			yield(lake.Receipt{}, err)
			return
		}
		r.a.receipts.ReceiptsIn(ctx, shard, first, last)(yield)
	}
}
