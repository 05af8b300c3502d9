package kinesis_test

import (
	"cmp"
	"context"
	"fmt"
	"math/big"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/aws/kinesis"
)

// fake is Kinesis in memory, with the faults that kinesalite does not have. It
// keeps of Kinesis: order per shard, sequence numbers of 56 digits, closed
// shards, iterators that expire, five GetRecords a second and shard, retention.
type fake struct {
	t       testing.TB
	latency time.Duration // of PutRecords
	kept    time.Duration // retention
	page    int           // shards a page
	limited bool          // more than five GetRecords a second and shard are refused

	mu       sync.Mutex
	shards   []*fakeShard
	sequence int64
	lax      bool           // takes sequence numbers that no record can have, too
	calls    map[string]int // by operation
	puts     [][]int        // the sizes of each PutRecords call's records
	flying   map[lake.ShardID]int
	most     int // PutRecords calls at one time
	putting  int

	// The n-th call of an operation, from 1: an error instead of an answer, and
	// whether the call has its effect nevertheless.
	fault func(operation string, n int) (err error, effect bool)
	// The entries of the n-th PutRecords that fail, with their codes.
	refuse func(n int, shard lake.ShardID) (code string)
	// Whether a shard has room for so many bytes now; nil: always.
	room func(shard lake.ShardID, size int) bool
	// How many empty answers with more to come stand before a GetRecords' own.
	empty int
}

// apart is how far sequence numbers lie apart; those between are no record's,
// and refused.
const apart = 16

type fakeShard struct {
	id        lake.ShardID
	from, to  *big.Int
	records   []types.Record
	trimmed   int
	closed    bool
	parents   []string
	lastCalls []time.Time
}

var space = new(big.Int).Lsh(big.NewInt(1), 128)

func newFake(t testing.TB, shards int) *fake {
	f := &fake{t: t, kept: 24 * time.Hour, page: 1000, calls: map[string]int{}, flying: map[lake.ShardID]int{}}
	for i := range shards {
		f.addShard(part(i, shards), new(big.Int).Sub(part(i+1, shards), big.NewInt(1)))
	}
	return f
}

// part is the first hash key of the i-th of n equal parts.
func part(i, n int) *big.Int {
	p := new(big.Int).Mul(space, big.NewInt(int64(i)))
	return p.Div(p, big.NewInt(int64(n)))
}

func (f *fake) addShard(from, to *big.Int, parents ...string) {
	f.shards = append(f.shards, &fakeShard{id: lake.ShardID(fmt.Sprintf("shardId-%012d", len(f.shards))), from: from, to: to, parents: parents})
}

func (f *fake) split(shard lake.ShardID) {
	f.mu.Lock()
	defer f.mu.Unlock()
	sh := f.shard(string(shard))
	sh.closed = true
	middle := new(big.Int).Add(sh.from, sh.to)
	middle.Rsh(middle, 1)
	f.addShard(sh.from, middle, string(sh.id))
	f.addShard(new(big.Int).Add(middle, big.NewInt(1)), sh.to, string(sh.id))
}

func (f *fake) merge(a, b lake.ShardID) {
	f.mu.Lock()
	defer f.mu.Unlock()
	one, two := f.shard(string(a)), f.shard(string(b))
	one.closed, two.closed = true, true
	f.addShard(one.from, two.to, string(a), string(b))
}

func (f *fake) shard(id string) *fakeShard {
	for _, sh := range f.shards {
		if string(sh.id) == id {
			return sh
		}
	}
	return nil
}

// call counts a call and returns what becomes of it.
func (f *fake) call(ctx context.Context, operation string, options []func(*sdk.Options)) (n int, err error, effect bool) {
	var o sdk.Options
	for _, set := range options {
		set(&o)
	}
	if o.Retryer == nil || o.Retryer.MaxAttempts() != 1 {
		f.t.Errorf("%s: the client would try by itself again", operation)
	}
	f.mu.Lock()
	f.calls[operation]++
	n, fault := f.calls[operation], f.fault
	f.mu.Unlock()
	if fault != nil {
		if err, effect := fault(operation, n); err != nil {
			return n, err, effect
		}
	}
	return n, ctx.Err(), false
}

func (f *fake) PutRecords(ctx context.Context, in *sdk.PutRecordsInput, options ...func(*sdk.Options)) (*sdk.PutRecordsOutput, error) {
	n, err, effect := f.call(ctx, "PutRecords", options)
	if err != nil && !effect {
		return nil, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if aws.ToString(in.StreamName) != "events" || len(in.Records) == 0 || len(in.Records) > 500 {
		f.t.Errorf("%d records to stream %q", len(in.Records), aws.ToString(in.StreamName))
	}
	out := &sdk.PutRecordsOutput{FailedRecordCount: aws.Int32(0)}
	var sizes []int
	total := 0
	var destinations []lake.ShardID
	for _, r := range in.Records {
		size := len(r.Data) + len(*r.PartitionKey)
		sizes = append(sizes, size)
		total += size
		if size > 1<<20 {
			return nil, &types.InvalidArgumentException{Message: aws.String("a record is too large")}
		}
		sh := f.destination(*r.ExplicitHashKey)
		destinations = append(destinations, sh.id)
		// After a reshard two lanes may lead to one shard for a moment.
		if f.flying[sh.id]++; f.flying[sh.id] > 1 && !slices.ContainsFunc(f.shards, func(sh *fakeShard) bool { return sh.closed }) {
			f.t.Errorf("two records are on their way to %s", sh.id)
		}
	}
	f.puts = append(f.puts, sizes)
	if total > 10<<20 {
		f.t.Errorf("%d bytes in one call", total)
	}
	f.putting++
	f.most = max(f.most, f.putting)
	f.mu.Unlock()
	time.Sleep(f.latency)
	f.mu.Lock()
	f.putting--
	for i, r := range in.Records {
		f.flying[destinations[i]]--
		sh := f.destination(*r.ExplicitHashKey)
		if f.refuse != nil || f.room != nil {
			code := ""
			if f.refuse != nil {
				code = f.refuse(n, sh.id)
			}
			if code == "" && f.room != nil && !f.room(sh.id, sizes[i]) {
				code = "ProvisionedThroughputExceededException"
			}
			if code != "" {
				*out.FailedRecordCount++
				out.Records = append(out.Records, types.PutRecordsResultEntry{ErrorCode: &code, ErrorMessage: aws.String("not now")})
				continue
			}
		}
		f.sequence += apart
		number := fmt.Sprintf("4959%052d", f.sequence)
		sh.records = append(sh.records, types.Record{Data: slices.Clone(r.Data), SequenceNumber: &number, PartitionKey: r.PartitionKey,
			ApproximateArrivalTimestamp: aws.Time(time.Now())})
		out.Records = append(out.Records, types.PutRecordsResultEntry{SequenceNumber: &number, ShardId: aws.String(string(sh.id))})
	}
	if err != nil {
		return nil, err
	}
	return out, nil
}

func (f *fake) destination(key string) *fakeShard {
	k, ok := new(big.Int).SetString(key, 10)
	for _, sh := range f.shards {
		if ok && !sh.closed && k.Cmp(sh.from) >= 0 && k.Cmp(sh.to) <= 0 {
			return sh
		}
	}
	f.t.Errorf("no shard takes %q", key)
	return f.shards[0]
}

// put stores a record that some other producer wrote.
func (f *fake) put(shard int, data string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.sequence += apart
	f.shards[shard].records = append(f.shards[shard].records, types.Record{Data: []byte(data), PartitionKey: aws.String("k"),
		SequenceNumber: aws.String(fmt.Sprintf("4959%052d", f.sequence)), ApproximateArrivalTimestamp: aws.Time(time.Now())})
}

// expire forgets what is older than retention.
func (f *fake) expire(sh *fakeShard) {
	for len(sh.records) > 0 && time.Since(*sh.records[0].ApproximateArrivalTimestamp) > f.kept {
		sh.records = sh.records[1:]
		sh.trimmed++
	}
}

func (f *fake) GetShardIterator(ctx context.Context, in *sdk.GetShardIteratorInput, options ...func(*sdk.Options)) (*sdk.GetShardIteratorOutput, error) {
	if _, err, _ := f.call(ctx, "GetShardIterator", options); err != nil {
		return nil, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	sh := f.shard(*in.ShardId)
	if sh == nil {
		return nil, &types.ResourceNotFoundException{Message: aws.String("Shard does not exist")}
	}
	f.expire(sh)
	i := sh.trimmed
	if in.ShardIteratorType == types.ShardIteratorTypeAtSequenceNumber {
		n, err := strconv.ParseInt(strings.TrimPrefix(*in.StartingSequenceNumber, "4959"), 10, 64)
		if err != nil || !f.lax && n%apart != 0 {
			return nil, &types.InvalidArgumentException{Message: aws.String("it did not come from this stream")}
		}
		place, _ := slices.BinarySearchFunc(sh.records, *in.StartingSequenceNumber, func(r types.Record, s string) int { return cmp.Compare(*r.SequenceNumber, s) })
		i += place
	}
	return &sdk.GetShardIteratorOutput{ShardIterator: iterator(sh, i)}, nil
}

func iterator(sh *fakeShard, i int) *string {
	return aws.String(fmt.Sprintf("%s|%d|%d", sh.id, i, time.Now().UnixNano()))
}

func (f *fake) GetRecords(ctx context.Context, in *sdk.GetRecordsInput, options ...func(*sdk.Options)) (*sdk.GetRecordsOutput, error) {
	if _, err, _ := f.call(ctx, "GetRecords", options); err != nil {
		return nil, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	token := strings.Split(*in.ShardIterator, "|")
	sh := f.shard(token[0])
	at, err := strconv.Atoi(token[1])
	if err != nil {
		return nil, err
	}
	made, err := strconv.ParseInt(token[2], 10, 64)
	if err != nil {
		return nil, err
	}
	if time.Since(time.Unix(0, made)) > 5*time.Minute {
		return nil, &types.ExpiredIteratorException{Message: aws.String("Iterator expired")}
	}
	now := time.Now()
	sh.lastCalls = slices.DeleteFunc(append(sh.lastCalls, now), func(t time.Time) bool { return now.Sub(t) >= time.Second })
	if f.limited && len(sh.lastCalls) > 5 {
		return nil, &types.ProvisionedThroughputExceededException{Message: aws.String("Rate exceeded for shard")}
	}
	f.expire(sh)
	i := max(at-sh.trimmed, 0)
	out := &sdk.GetRecordsOutput{MillisBehindLatest: aws.Int64(0)}
	if f.empty > 0 {
		f.empty--
		out.MillisBehindLatest, out.NextShardIterator = aws.Int64(1000), iterator(sh, at)
		return out, nil
	}
	out.Records = slices.Clone(sh.records[i:min(len(sh.records), i+int(*in.Limit))])
	next := sh.trimmed + i + len(out.Records)
	if next < sh.trimmed+len(sh.records) {
		out.MillisBehindLatest = aws.Int64(1000)
	}
	if !sh.closed || next < sh.trimmed+len(sh.records) {
		out.NextShardIterator = iterator(sh, next)
	}
	return out, nil
}

func (f *fake) ListShards(ctx context.Context, in *sdk.ListShardsInput, options ...func(*sdk.Options)) (*sdk.ListShardsOutput, error) {
	if _, err, _ := f.call(ctx, "ListShards", options); err != nil {
		return nil, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	from := 0
	if in.NextToken != nil {
		if in.StreamName != nil {
			f.t.Error("a token and a name")
		}
		var err error
		if from, err = strconv.Atoi(*in.NextToken); err != nil {
			return nil, err
		}
	}
	out := &sdk.ListShardsOutput{}
	for _, sh := range f.shards[from:min(len(f.shards), from+f.page)] {
		s := types.Shard{ShardId: aws.String(string(sh.id)), HashKeyRange: &types.HashKeyRange{
			StartingHashKey: aws.String(sh.from.String()), EndingHashKey: aws.String(sh.to.String())}, SequenceNumberRange: &types.SequenceNumberRange{}}
		if sh.closed {
			s.SequenceNumberRange.EndingSequenceNumber = aws.String("1")
		}
		for i, p := range sh.parents {
			if i == 0 {
				s.ParentShardId = aws.String(p)
			} else {
				s.AdjacentParentShardId = aws.String(p)
			}
		}
		out.Shards = append(out.Shards, s)
	}
	if from+f.page < len(f.shards) {
		out.NextToken = aws.String(strconv.Itoa(from + f.page))
	}
	return out, nil
}

func (f *fake) DescribeStreamSummary(ctx context.Context, _ *sdk.DescribeStreamSummaryInput, options ...func(*sdk.Options)) (*sdk.DescribeStreamSummaryOutput, error) {
	if _, err, _ := f.call(ctx, "DescribeStreamSummary", options); err != nil {
		return nil, err
	}
	return &sdk.DescribeStreamSummaryOutput{StreamDescriptionSummary: &types.StreamDescriptionSummary{
		RetentionPeriodHours: aws.Int32(int32(f.kept / time.Hour))}}, nil
}

// count is how many calls of an operation were made.
func (f *fake) count(operation string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.calls[operation]
}

// stored takes all records apart and returns how often each id is there.
func (f *fake) stored() map[lake.ID]int {
	f.mu.Lock()
	defer f.mu.Unlock()
	out := map[lake.ID]int{}
	u := kinesis.NewUnpacker(kinesis.UnpackOptions{})
	for _, sh := range f.shards {
		for _, r := range sh.records {
			for _, e := range u.Unpack(nil, lake.Pos(1), lake.InstantOf(*r.ApproximateArrivalTimestamp), r.Data) {
				out[e.ID]++
			}
		}
	}
	return out
}

// open is a Stream over the fake. Pauses are the real ones: these tests run in
// bubbles of synctest, where time is free.
func (f *fake) open(t testing.TB, o kinesis.Options) *kinesis.Stream {
	t.Helper()
	o.Stream = "events"
	s, err := kinesis.New(f, o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}
