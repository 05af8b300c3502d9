package worker

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/transform"
)

// kind is what becomes of an event.
type kind int

const (
	sound    kind = iota // in the lake once, however often it is sent
	broken               // in quarantine
	conflict             // another body under the id, the name and the day of one that is in the lake by then
)

// sent is what is known of a body.
type sent struct {
	kind kind
	uuid string
	id   lake.ID
}

// producer sends events into a stream, many of them twice, some broken, and
// remembers which.
type producer struct {
	*rig
	rng     *rand.Rand
	scanner *transform.Scanner
	made    map[string]sent // by body
	bodies  []string        // sound ones, in order
	settled int             // how many of them are surely in the lake
}

func newProducer(r *rig, seed uint64) *producer {
	how, err := transform.New(transform.DefaultMapping())
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Logf("seed %d", seed)
	return &producer{rig: r, rng: rand.New(rand.NewPCG(seed, 0)), scanner: how.Scanner(), made: map[string]sent{}}
}

// make returns n sound events and what goes with them.
func (p *producer) make(n int) (all []string) {
	names := []string{"account:opened", "account:closed", "order:paid"}
	for range n {
		uuid := fmt.Sprint("event-", len(p.bodies))
		body := fmt.Sprintf(`{"event_uuid":%q,"event_name":%q,"created_at":"2026-03-0%dT10:00:00Z","n":%d}`,
			uuid, names[p.rng.IntN(len(names))], 1+p.rng.IntN(2), len(p.bodies))
		all = append(all, p.note(body, sound, uuid))
		p.bodies = append(p.bodies, body)
		if p.rng.IntN(4) == 0 {
			all = append(all, p.bodies[p.rng.IntN(len(p.bodies))])
		}
		if p.rng.IntN(10) == 0 {
			all = append(all, p.note(p.nonsense(), broken, ""))
		}
		if p.settled > 0 && p.rng.IntN(20) == 0 {
			other := p.bodies[p.rng.IntN(p.settled)]
			all = append(all, p.note(strings.TrimSuffix(other, "}")+fmt.Sprintf(`,"other":%d}`, len(p.made)), conflict, p.made[other].uuid))
		}
	}
	return all
}

func (p *producer) nonsense() string {
	n := len(p.made)
	return []string{
		fmt.Sprintf("no JSON %d", n), fmt.Sprintf(`{"event_uuid":"half %d`, n), fmt.Sprintf(`{"event_uuid":"timeless %d","event_name":"a:b"}`, n),
		fmt.Sprintf(`["a list",%d]`, n), fmt.Sprintf("\x1f\x8b\x08 no gzip %d", n), "",
	}[p.rng.IntN(6)]
}

func (p *producer) note(body string, k kind, uuid string) string {
	e := p.event(body)
	p.made[body] = sent{k, uuid, e.ID}
	return body
}

// event is a body as the collector hands it on.
func (p *producer) event(body string) lake.Event {
	e := lake.Event{Source: lake.DefaultSource, Received: lake.SystemClock(), Body: []byte(body)}
	var row transform.Row
	if refusal := p.scanner.Scan(e.Source, e.Body, e.Received, &row); refusal != nil {
		row.ID = transform.RouteID(e.Source, e.Body)
	}
	e.ID = row.ID
	return e
}

// pack sends events as our collectors do: a record a shard.
func (p *producer) pack(bodies []string) {
	p.t.Helper()
	events := make([]lake.Event, len(bodies))
	for i, b := range bodies {
		events[i] = p.event(b)
	}
	if err := p.stream.Append(p.t.Context(), events); err != nil {
		p.t.Fatal(err)
	}
}

// put sends events as others do: a record each, anywhere, and some as gzip of
// lines.
func (p *producer) put(bodies []string) {
	p.t.Helper()
	var entries []types.PutRecordsRequestEntry
	var lines [][]byte
	for _, b := range bodies {
		if p.made[b].kind == sound && len(lines) < 5 {
			lines = append(lines, []byte(b))
			continue
		}
		entries = append(entries, types.PutRecordsRequestEntry{Data: []byte(b), PartitionKey: aws.String(fmt.Sprint(p.rng.Uint64()))})
	}
	entries = append(entries, types.PutRecordsRequestEntry{Data: zipped(p.t, bytes.Join(lines, []byte("\n"))), PartitionKey: aws.String("lines")})
	out, err := p.api.PutRecords(p.t.Context(), &sdk.PutRecordsInput{StreamName: &p.names.Stream, Records: entries})
	if err != nil {
		p.t.Fatal(err)
	}
	if n := aws.ToInt32(out.FailedRecordCount); n > 0 {
		p.t.Fatalf("%d records were not taken", n)
	}
}

// send sends about n sound events in both ways, in several calls.
func (p *producer) send(n int) {
	p.t.Helper()
	for range 4 {
		p.pack(p.make(n / 8))
		p.put(p.make(n / 8))
	}
}

// settle notes that everything that was sent so far is in the lake.
func (p *producer) settle() {
	p.t.Helper()
	p.drained()
	p.settled = len(p.bodies)
}

func zipped(t *testing.T, text []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := z.Write(text); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}
