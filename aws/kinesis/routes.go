package kinesis

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"

	"github.com/eventlake/lake"
)

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
