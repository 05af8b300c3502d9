package cloudsweep

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/laketest/fault"
	"github.com/eventlake/lake/laketest/memory"
	"github.com/eventlake/lake/raw"
)

// account is what outlives every Lambda: the services and what they hold.
type account struct {
	rng     *rand.Rand
	begun   lake.Instant
	now     lake.Instant
	stream  *memory.Stream
	ledger  *memory.Ledger
	store   *memory.Store
	catalog *memory.Catalog
	gzip    *raw.Compressor

	receipts    *memory.Receipts
	names       memory.Names
	checkpoints map[lake.ShardID]lake.Position
	tries       map[lake.ShardID]int
	buffered    map[lake.Partition][]byte // in the delivery service
	queue       []string                  // notifications about raw objects
	failed      []string                  // about batches that were given up
	objects     int
	gaveUp      int
	careless    bool // what the delivery service answers is not looked at: a mutant
}

// claimTTL is short, so that claims expire within a run.
const claimTTL = 10 * time.Minute

func newAccount(seed uint64) (*account, error) {
	a := &account{
		rng: rand.New(rand.NewPCG(seed, 7)), now: lake.SystemClock().Hour(),
		stream: memory.NewStream(2), ledger: memory.NewLedger(claimTTL), store: memory.NewStore(), catalog: memory.NewCatalog(),
		receipts: memory.NewReceipts(), checkpoints: map[lake.ShardID]lake.Position{}, tries: map[lake.ShardID]int{},
		buffered: map[lake.Partition][]byte{},
	}
	a.begun = a.now
	var err error
	a.gzip, err = raw.NewCompressor(a.store, 1)
	return a, err
}

func (a *account) chance(p float64) bool { return a.rng.Float64() < p }

// delivery is the delivery service as a sink: it takes lines, some of them
// twice, refuses some parts, and writes objects later.
type delivery struct {
	a    *account
	gate *fault.Gate
}

func (d delivery) Write(_ context.Context, _ lake.ShardID, _ lake.Span, parts []lake.Part) ([]lake.File, error) {
	files, err := d.write(parts)
	if d.a.careless && !d.gate.Dead() {
		return nil, nil
	}
	return files, err
}

func (d delivery) write(parts []lake.Part) ([]lake.File, error) {
	lost := &lake.Undelivered{Err: errors.New("throttled")}
	err := d.gate.Do("firehose.PutRecordBatch", func() error {
		for _, p := range parts {
			if d.a.chance(0.05) {
				if lost.Parts++; lost.Parts == 1 || lost.First.After(p.First) {
					lost.First = p.First
				}
				continue
			}
			d.a.buffered[p.Partition] = append(d.a.buffered[p.Partition], p.Lines...)
			if d.a.chance(0.1) {
				d.a.buffered[p.Partition] = append(d.a.buffered[p.Partition], p.Lines...)
			}
		}
		return nil
	})
	if err != nil {
		first := parts[0].First
		for _, p := range parts {
			if first.After(p.First) {
				first = p.First
			}
		}
		return nil, &lake.Undelivered{First: first, Parts: len(parts), Err: err}
	}
	if lost.Parts > 0 {
		return nil, lost
	}
	return nil, nil
}

// deliver writes what is buffered, and tells of most of it.
func (a *account) deliver(ctx context.Context) error {
	var partitions []lake.Partition
	for p := range a.buffered {
		partitions = append(partitions, p)
	}
	slices.SortFunc(partitions, func(x, y lake.Partition) int { return strings.Compare(x.Dir(), y.Dir()) })
	for _, p := range partitions {
		copies := 1
		if a.chance(0.1) {
			copies = 2 // its own retry after a lost answer of S3
		}
		for range copies {
			a.objects++
			key := lake.Key(fmt.Sprintf("%s%s/delivery-1-%04d.gz", raw.Root, p.Dir(), a.objects))
			info, err := a.gzip.Create(ctx, key, a.buffered[p])
			if err != nil {
				return err
			}
			a.tell(&a.queue, key, info.Bytes)
		}
		delete(a.buffered, p)
	}
	return nil
}

// tell queues the notification about an object: usually once.
func (a *account) tell(queue *[]string, key lake.Key, size int64) {
	body := fmt.Sprintf(`{"Records":[{"eventName":"ObjectCreated:Put","eventTime":%q,"s3":{"bucket":{"name":"lake"},"object":{"key":%q,"size":%d}}}]}`,
		a.now.Time().Format(time.RFC3339), key, size)
	switch {
	case a.chance(0.15): // lost
	case a.chance(0.2):
		*queue = append(*queue, body, body)
	default:
		*queue = append(*queue, body)
	}
}

// message is the payload of a queue's event source mapping.
func message(bodies []string) ([]byte, error) {
	type record struct {
		ID     string `json:"messageId"`
		Source string `json:"eventSource"`
		Body   string `json:"body"`
	}
	var in struct{ Records []record }
	for i, b := range bodies {
		in.Records = append(in.Records, record{fmt.Sprint(i), "aws:sqs", b})
	}
	return json.Marshal(in)
}

// hand gives messages of a queue to a handler; those that fail stay.
func (a *account) hand(ctx context.Context, queue *[]string, invoke func(context.Context, []byte) ([]byte, error)) error {
	n := min(len(*queue), 1+a.rng.IntN(4))
	if n == 0 {
		return nil
	}
	a.rng.Shuffle(len(*queue), func(i, j int) { (*queue)[i], (*queue)[j] = (*queue)[j], (*queue)[i] })
	in, err := message((*queue)[:n])
	if err != nil {
		return err
	}
	out, err := invoke(ctx, in)
	if err != nil {
		return nil // all of them come again
	}
	var left []string
	for i, m := range (*queue)[:n] {
		if bytes.Contains(out, fmt.Appendf(nil, `"itemIdentifier":"%d"`, i)) {
			left = append(left, m)
		}
	}
	*queue = slices.Concat(left, (*queue)[n:])
	return nil
}

// maxTries is after how many failures a batch is given up.
const maxTries = 3

// poll is one round of the event source mapping over a shard. It reports
// whether there was something. Children wait for their parents.
func (a *account) poll(ctx context.Context, sh lake.Shard, invoke func(context.Context, []byte) ([]byte, error)) (bool, error) {
	var b lake.Batch
	at := a.checkpoints[sh.ID]
	if err := a.stream.Read(ctx, sh.ID, at, 1<<20, &b); err != nil && !errors.Is(err, lake.ErrEnded) {
		return false, err
	}
	n := min(len(b.Records), 1+a.rng.IntN(6))
	if n == 0 {
		return false, nil
	}
	records := b.Records[:n]
	if a.tries[sh.ID] > 0 && n > 1 {
		records = records[:(n+1)/2] // bisect on error
	}
	in, err := payload(sh.ID, records)
	if err != nil {
		return false, err
	}
	out, err := invoke(ctx, in)
	if err != nil || a.chance(0.03) { // killed, or its answer was lost
		return true, a.again(ctx, sh.ID, records, in)
	}
	for _, r := range records {
		if bytes.Contains(out, fmt.Appendf(nil, `"itemIdentifier":"%s"`, r.Position)) {
			if a.checkpoints[sh.ID] == at {
				return true, a.again(ctx, sh.ID, records, in)
			}
			break
		}
		a.checkpoints[sh.ID] = r.Position
	}
	a.tries[sh.ID] = 0
	return true, nil
}

// again counts a failure; after some the batch is left in the bucket.
func (a *account) again(ctx context.Context, shard lake.ShardID, records []lake.Record, in []byte) error {
	if a.tries[shard]++; a.tries[shard] < maxTries {
		return nil
	}
	text := map[string]any{
		"requestContext": map[string]string{"condition": "RetryAttemptsExhausted"},
		"KinesisBatchInfo": map[string]any{"shardId": shard, "startSequenceNumber": records[0].Position,
			"endSequenceNumber": records[len(records)-1].Position, "batchSize": len(records)},
	}
	if a.chance(0.7) {
		text["payload"] = string(in)
	}
	body, err := json.Marshal(text)
	if err != nil {
		return err
	}
	a.gaveUp++
	key := lake.Key(fmt.Sprintf("failed/%s-%04d.json", shard, a.gaveUp))
	info, err := a.put(ctx, key, body)
	if err != nil {
		return err
	}
	a.tell(&a.failed, key, info.Bytes)
	a.checkpoints[shard], a.tries[shard] = records[len(records)-1].Position, 0
	return nil
}
