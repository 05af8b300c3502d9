package kinesis

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync/atomic"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"

	"github.com/eventlake/lake"
)

// Shards implements lake.Stream. Kinesis does not tell where a shard begins and
// ends, so Trimmed and Last are zero. Closed shards are listed as long as some
// of their records may be kept; parents that are no longer listed are left out.
func (s *Stream) Shards(ctx context.Context) ([]lake.Shard, error) {
	list, err := s.list(ctx)
	if err != nil {
		return nil, err
	}
	known := map[string]types.Shard{}
	for _, sh := range list {
		known[aws.ToString(sh.ShardId)] = sh
	}
	out := make([]lake.Shard, 0, len(list))
	listed := map[string]bool{}
	var add func(sh types.Shard)
	add = func(sh types.Shard) {
		id := aws.ToString(sh.ShardId)
		if listed[id] {
			return
		}
		listed[id] = true
		one := lake.Shard{ID: lake.ShardID(id), Closed: closed(sh)}
		for _, parent := range []string{aws.ToString(sh.ParentShardId), aws.ToString(sh.AdjacentParentShardId)} {
			if p, ok := known[parent]; ok {
				add(p)
				one.Parents = append(one.Parents, lake.ShardID(parent))
			}
		}
		out = append(out, one)
	}
	for _, sh := range list {
		add(sh)
	}
	return out, nil
}

func closed(sh types.Shard) bool {
	return sh.SequenceNumberRange != nil && sh.SequenceNumberRange.EndingSequenceNumber != nil
}

// list returns all shards, sorted by their names.
func (s *Stream) list(ctx context.Context) ([]types.Shard, error) {
	var out []types.Shard
	var token *string
	for {
		in := &sdk.ListShardsInput{NextToken: token}
		if token == nil { // the token names the stream
			in.StreamName, in.StreamARN = s.name()
		}
		var page *sdk.ListShardsOutput
		err := s.try(ctx, func(ctx context.Context) (err error) {
			page, err = s.api.ListShards(ctx, in, once)
			return err
		})
		if err != nil {
			return nil, fmt.Errorf("list shards: %w", err)
		}
		out = append(out, page.Shards...)
		if token = page.NextToken; token == nil {
			slices.SortFunc(out, func(a, b types.Shard) int {
				return cmp.Compare(aws.ToString(a.ShardId), aws.ToString(b.ShardId))
			})
			return out, nil
		}
	}
}

// hashKey is a 128-bit number, most significant word first.
type hashKey [2]uint64

func (k hashKey) compare(l hashKey) int {
	return cmp.Or(cmp.Compare(k[0], l[0]), cmp.Compare(k[1], l[1]))
}

func parseHashKey(s *string) (hashKey, error) {
	p, err := lake.ParsePosition(aws.ToString(s))
	if err != nil || p.Seq[0] != 0 || p.Sub != 0 {
		return hashKey{}, fmt.Errorf("hash key %q: %w", aws.ToString(s), lake.ErrInvalid)
	}
	return hashKey{p.Seq[1], p.Seq[2]}, nil
}

// routes are the open shards, ordered by the hash keys that they take.
type routes struct {
	ends  []hashKey // the last hash key of each
	lanes []*lane
}

// find returns the index of the lane for a hash key. The last lane takes what no
// shard takes, for Kinesis to decide.
func (r *routes) find(k hashKey) int {
	i, _ := slices.BinarySearchFunc(r.ends, k, hashKey.compare)
	return min(i, len(r.ends)-1)
}

// route returns the routes, loading them at the first use and after a reshard
// has been seen. When that fails the old ones are still good: Kinesis puts a
// record where its hash key belongs.
func (s *Stream) route(ctx context.Context) (*routes, error) {
	old := s.routes.Load()
	if old != nil && !s.stale.Load() {
		return old, nil
	}
	select {
	case s.routing <- struct{}{}:
		defer func() { <-s.routing }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if r := s.routes.Load(); r != nil && (r != old || !s.stale.Load()) {
		return r, nil // somebody else has just loaded them
	}
	s.stale.Store(false)
	list, err := s.list(ctx)
	if err == nil {
		var r *routes
		if r, err = s.newRoutes(list, old); err == nil {
			s.routes.Store(r)
			return r, nil
		}
	}
	if old == nil {
		return nil, err
	}
	s.options.Log.Warn("the shards could not be listed after a reshard; the old ones are used", "stream", s.options.Stream, "error", err)
	return old, nil
}

// newRoutes makes routes from a list of shards. Lanes that exist stay; log time
// goes on in new ones where it was in the old ones.
func (s *Stream) newRoutes(list []types.Shard, old *routes) (*routes, error) {
	lanes := map[lake.ShardID]*lane{}
	var now lake.Instant
	if old != nil {
		for _, l := range old.lanes {
			lanes[l.shard] = l
			now = max(now, l.logTime())
		}
	}
	r := &routes{}
	open := slices.DeleteFunc(slices.Clone(list), closed)
	ends := map[string]hashKey{}
	for _, sh := range open {
		if sh.HashKeyRange == nil {
			return nil, fmt.Errorf("shard %s has no range of hash keys: %w", aws.ToString(sh.ShardId), lake.ErrInvalid)
		}
		end, err := parseHashKey(sh.HashKeyRange.EndingHashKey)
		if err != nil {
			return nil, fmt.Errorf("shard %s: %w", aws.ToString(sh.ShardId), err)
		}
		ends[aws.ToString(sh.ShardId)] = end
	}
	slices.SortFunc(open, func(a, b types.Shard) int {
		return ends[aws.ToString(a.ShardId)].compare(ends[aws.ToString(b.ShardId)])
	})
	for _, sh := range open {
		id := lake.ShardID(aws.ToString(sh.ShardId))
		l := lanes[id]
		if l == nil {
			l = &lane{stream: s, shard: id, time: now}
		}
		r.ends, r.lanes = append(r.ends, ends[string(id)]), append(r.lanes, l)
	}
	if len(r.lanes) == 0 {
		return nil, lake.Errorf(lake.ErrNotFound, "wait until the stream is active", "stream %s has no open shard", s.options.Stream)
	}
	return r, nil
}

// stats counts what was put; see Stats.
type stats struct {
	events, records, bytes, units, kib, calls, again atomic.Int64
}

// Stats is what a Stream has put into Kinesis so far.
type Stats struct {
	Events  int64 // stored
	Records int64 // that hold them
	Bytes   int64 // of the records, with their partition keys
	Units   int64 // of 25 KiB, which provisioned streams bill
	KiB     int64 // each record rounded up to one, which on-demand streams bill
	Calls   int64 // of PutRecords
	Again   int64 // records that were sent again after a failure
}

// Stats returns the counts so far.
func (s *Stream) Stats() Stats {
	return Stats{
		Events: s.stats.events.Load(), Records: s.stats.records.Load(), Bytes: s.stats.bytes.Load(), Units: s.stats.units.Load(),
		KiB: s.stats.kib.Load(), Calls: s.stats.calls.Load(), Again: s.stats.again.Load(),
	}
}
