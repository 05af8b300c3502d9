package ingest_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/aws/kinesis"
	stage "github.com/eventlake/lake/ingest"
	"github.com/eventlake/lake/laketest/memory"
	"github.com/eventlake/lake/lambda/ingest"
	"github.com/eventlake/lake/quarantine"
	"github.com/eventlake/lake/raw"
	"github.com/eventlake/lake/transform"
)

// throttled is a ledger that does not answer for positions from one on.
type throttled struct {
	lake.Ledger
	from lake.Position // zero: it answers all
}

func (l *throttled) Claim(ctx context.Context, shard lake.ShardID, claims []lake.Claim, out []lake.Outcome) error {
	n := slices.IndexFunc(claims, func(c lake.Claim) bool { return !l.from.IsZero() && !l.from.After(c.Position) })
	if n < 0 {
		return l.Ledger.Claim(ctx, shard, claims, out)
	}
	return errors.Join(lake.ErrFull, l.Ledger.Claim(ctx, shard, claims[:n], out[:n]))
}

type rig struct {
	ledger   *throttled
	store    *memory.Store
	receipts *memory.Receipts
	handler  *ingest.Handler
	later    *ingest.Handler // settles what was given up
	batches  []ingest.Batch
}

func newRig(t testing.TB) *rig {
	t.Helper()
	tr, err := transform.New(transform.DefaultMapping())
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{ledger: &throttled{Ledger: memory.NewLedger(time.Hour)}, store: memory.NewStore(), receipts: memory.NewReceipts()}
	gz, err := raw.NewCompressor(r.store, 1)
	if err != nil {
		t.Fatal(err)
	}
	names := stage.NewNames(stage.Caps{Types: 1000, Subtypes: 1000}, nil)
	c := ingest.Config{Done: func(b ingest.Batch) { r.batches = append(r.batches, b) }}
	c.Handed = stage.NewHanded(func(shard lake.ShardID) *stage.Core {
		return stage.NewCore(shard, r.ledger, func(lake.SourceID) *transform.Transformer { return tr }, names, raw.NewWriter(gz, nil), gz, raw.NewMemory(1<<20))
	}, r.receipts)
	r.handler = ingest.New(c)
	c.Settled = r.receipts
	r.later = ingest.New(c)
	return r
}

type record struct {
	seq  int
	data []byte
}

func payload(t testing.TB, records ...record) []byte {
	t.Helper()
	var e events.KinesisEvent
	for _, r := range records {
		e.Records = append(e.Records, events.KinesisEventRecord{
			EventID: fmt.Sprintf("shardId-000000000000:%d", r.seq),
			Kinesis: events.KinesisRecord{Data: r.data, SequenceNumber: fmt.Sprint(r.seq),
				ApproximateArrivalTimestamp: events.SecondsEpochTime{Time: time.Now()}},
		})
	}
	out, err := json.Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func body(id string) []byte {
	return fmt.Appendf(nil, `{"event_uuid":%q,"event_name":"a:b","created_at":%d}`, id, time.Now().Unix())
}

// packed is one record of several events, as the collector writes it.
func packed(ids ...string) []byte {
	var p kinesis.Packer
	for _, id := range ids {
		p.Add(&lake.Event{Source: "web", Received: lake.InstantOf(time.Now()), Body: body(id)})
	}
	return p.AppendTo(nil)
}

func (r *rig) invoke(t *testing.T, in []byte, want string) {
	t.Helper()
	out, err := r.handler.Invoke(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	var back events.KinesisEventResponse
	if err := json.Unmarshal(out, &back); err != nil {
		t.Fatal(err)
	}
	got := ""
	for _, f := range back.BatchItemFailures {
		got += f.ItemIdentifier
	}
	if got != want {
		t.Fatalf("comes again from %q, want %q", got, want)
	}
}

func (r *rig) last() ingest.Batch { return r.batches[len(r.batches)-1] }

func TestRecordsOfEveryKindAreSettled(t *testing.T) {
	r := newRig(t)
	r.invoke(t, payload(t,
		record{11, body("1")},
		record{12, packed("2", "3", "2")},
		record{13, nil},
		record{14, []byte("\x1f\x8b broken gzip")},
		record{15, append(append(body("4"), '\n'), body("5")...)},
		record{16, []byte(`{"event_uuid":"6","event_name":"../../etc:/passwd","created_at":1767225600}`)},
	), "")
	b := r.last()
	var sum lake.Tally
	for _, book := range b.Receipt.Books {
		sum.Add(book)
	}
	if b.Records != 6 || b.Settled != b.Events || sum.Unique != 6 || sum.Duplicate != 1 || sum.Quarantined != 2 {
		t.Errorf("%+v", b)
	}
	for info, err := range r.store.List(t.Context(), "") {
		if err != nil || info.Key.Validate() != nil {
			t.Errorf("%s: %v", info.Key, err)
		}
	}
}

func TestQuarantineSaysWhatWasWrongWithARecord(t *testing.T) {
	r := newRig(t)
	cut := []byte("\x1f\x8b\x08 cut")
	r.invoke(t, payload(t, record{11, body("1")}, record{12, cut}), "")
	for info, err := range r.store.List(t.Context(), quarantine.Root) {
		if err != nil {
			t.Fatal(err)
		}
		for e, err := range quarantine.Entries(t.Context(), raw.NewReader(r.store, nil), lake.File{Key: info.Key, Kind: lake.KindQuarantine, Bytes: info.Bytes}) {
			if err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(e.Detail, "gzip data of 7 bytes is ") || !bytes.Equal(e.Content(), cut) {
				t.Errorf("%+v", e)
			}
			return
		}
	}
	t.Error("nothing is in quarantine")
}

func TestTheAnswerNamesTheFirstRecordThatIsNotSettled(t *testing.T) {
	r := newRig(t)
	in := payload(t, record{11, body("1")}, record{12, packed("2", "3")}, record{13, body("4")})
	at := func(seq uint64, sub uint32) lake.Position { return lake.Position{Seq: [3]uint64{2: seq}, Sub: sub} }
	for _, test := range []struct {
		from lake.Position
		want string
	}{
		{at(11, 0), "11"}, {at(12, 0), "12"},
		{at(12, 1), "12"}, // a record is settled whole or comes again whole
		{at(13, 0), "13"}, {lake.Position{}, ""},
	} {
		r.ledger.from = test.from
		r.invoke(t, in, test.want)
	}
}

// lines are the event ids in raw, sorted, as often as they are there.
func (r *rig) lines(t *testing.T) (ids []string) {
	t.Helper()
	for info, err := range r.store.List(t.Context(), raw.Root) {
		if err != nil {
			t.Fatal(err)
		}
		err = raw.NewReader(r.store, nil).EachLine(t.Context(), lake.File{Key: info.Key, Bytes: info.Bytes}, func(line []byte) error {
			var event struct {
				ID string `json:"event_uuid"`
			}
			err := json.Unmarshal(line, &event)
			ids = append(ids, event.ID)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	slices.Sort(ids)
	return ids
}

// TestABatchThatWasGivenUpGoesOnWhereItStood: what was settled before the batch
// was given up, and in a try after that, is not asked for and not written again.
func TestABatchThatWasGivenUpGoesOnWhereItStood(t *testing.T) {
	r := newRig(t)
	in := payload(t, record{11, packed("1")}, record{12, packed("2", "3")}, record{13, body("4")}, record{14, packed("5", "1")})
	at := func(seq uint64) lake.Position { return lake.Position{Seq: [3]uint64{2: seq}} }
	r.ledger.from = at(12)
	r.invoke(t, in, "12")
	for _, test := range []struct {
		from    lake.Position // from which on claims fail
		want    string
		settled int
	}{{at(12), "12", 1}, {at(14), "14", 4}, {lake.Position{}, "", 6}, {lake.Position{}, "", 6}} {
		r.ledger.from = test.from
		failed, err := r.later.Settle(t.Context(), in)
		if err != nil || strings.Join(failed, "") != test.want || r.last().Settled != test.settled {
			t.Fatalf("settled to %q, want %q, %d events of %d: %v", failed, test.want, r.last().Settled, test.settled, err)
		}
	}
	if got, want := r.lines(t), []string{"1", "2", "3", "4", "5"}; !slices.Equal(got, want) {
		t.Errorf("raw has %q, want %q: original owners, each once", got, want)
	}
	var sum lake.Tally
	for receipt, err := range r.receipts.ReceiptsIn(t.Context(), "shardId-000000000000", at(1), at(99)) {
		if err != nil {
			t.Fatal(err)
		}
		for _, b := range receipt.Books {
			sum.Add(b)
		}
	}
	if sum.Unique != 5 || sum.Duplicate != 1 {
		t.Errorf("the receipts tell of %+v", sum)
	}
}

func TestTheDeadlineIsKept(t *testing.T) {
	r := newRig(t)
	ctx, cancel := context.WithTimeout(t.Context(), time.Second) // less than the margin: nothing can be done
	defer cancel()
	r.handler = ingest.New(ingest.Config{Handed: stage.NewHanded(func(shard lake.ShardID) *stage.Core {
		t.Fatal("it begins after its deadline")
		return nil
	}, nil)})
	out, err := r.handler.Invoke(ctx, payload(t, record{11, body("1")}))
	if err != nil || string(out) != `{"batchItemFailures":[{"itemIdentifier":"11"}]}` {
		t.Fatalf("%s %v", out, err)
	}
}

func TestAPayloadThatIsNoneIsAnError(t *testing.T) {
	r := newRig(t)
	for _, in := range []string{`{"Records":[{"body":"sqs"}]}`, `{}`, `{"task":"upkeep"}`} {
		if out, err := r.handler.Invoke(t.Context(), []byte(in)); !errors.Is(err, lake.ErrInvalid) || !strings.Contains(lake.Hint(err), "Kinesis") {
			t.Errorf("%s: %s, %v", in, out, err)
		}
	}
	r.invoke(t, []byte(`{"Records":[]}`), "") // that is nothing to do
	if len(r.batches) != 0 {
		t.Errorf("%+v", r.batches)
	}
}

// BenchmarkInvoke is everything but the network: claims and files stay in memory.
func BenchmarkInvoke(b *testing.B) {
	for _, n := range []int{100, 1000, 10_000} {
		for _, form := range []string{"single", "packed"} {
			b.Run(fmt.Sprintf("%s/%d", form, n), func(b *testing.B) {
				id, seq := 0, 0
				each := map[string]int{"single": 1, "packed": 40}[form]
				b.ReportAllocs()
				r := newRig(b)
				for b.Loop() {
					b.StopTimer()
					var in []record
					for left := n; left > 0; left -= each {
						var p kinesis.Packer
						var data []byte
						for range min(left, each) {
							id++
							data = fmt.Appendf(nil, `{"event_uuid":"%d","event_name":"a:b","created_at":%d,"pad":"%0430d"}`, id, time.Now().Unix(), id)
							p.Add(&lake.Event{Source: "web", Received: lake.InstantOf(time.Now()), Body: data})
						}
						if form == "packed" {
							data = p.AppendTo(nil)
						}
						seq++
						in = append(in, record{seq, data})
					}
					text := payload(b, in...)
					b.StartTimer()
					if out, err := r.handler.Invoke(context.Background(), text); err != nil || len(out) > 30 {
						b.Fatal(string(out), err)
					}
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*n), "ns/event")
			})
		}
	}
}
