package kinesis

import (
	"cmp"
	"context"
	"fmt"
	"slices"

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
