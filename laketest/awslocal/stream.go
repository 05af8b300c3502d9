package awslocal

import (
	"context"
	"errors"
	"fmt"
	"math/big"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"

	"github.com/eventlake/lake"
)

// Stream is a Kinesis stream that a test makes and reshards.
type Stream struct {
	Client *kinesis.Client
	Name   string
}

// CreateStream makes a stream and waits until it can be used.
func CreateStream(ctx context.Context, client *kinesis.Client, name string, shards int) (*Stream, error) {
	s := &Stream{Client: client, Name: name}
	if _, err := client.CreateStream(ctx, &kinesis.CreateStreamInput{StreamName: &name, ShardCount: aws.Int32(int32(shards))}); Made(err) != nil {
		return nil, fmt.Errorf("create stream %s: %w", name, err)
	}
	return s, s.wait(ctx)
}

// wait returns when the stream is ACTIVE.
func (s *Stream) wait(ctx context.Context) error {
	for {
		out, err := s.Client.DescribeStreamSummary(ctx, &kinesis.DescribeStreamSummaryInput{StreamName: &s.Name})
		if err != nil {
			return fmt.Errorf("wait for stream %s: %w", s.Name, err)
		}
		if out.StreamDescriptionSummary.StreamStatus == types.StreamStatusActive {
			return nil
		}
		if err := lake.Sleep(ctx, 5*time.Millisecond); err != nil {
			return fmt.Errorf("wait for stream %s, which is %s: %w", s.Name, out.StreamDescriptionSummary.StreamStatus, err)
		}
	}
}

// Shards lists all shards, closed ones too, in the order in which they were made.
func (s *Stream) Shards(ctx context.Context) ([]types.Shard, error) {
	var all []types.Shard
	in := &kinesis.ListShardsInput{StreamName: &s.Name}
	for {
		out, err := s.Client.ListShards(ctx, in)
		if err != nil {
			return nil, fmt.Errorf("list shards of %s: %w", s.Name, err)
		}
		all = append(all, out.Shards...)
		if out.NextToken == nil {
			return all, nil
		}
		in = &kinesis.ListShardsInput{NextToken: out.NextToken}
	}
}

// Open lists the shards that take records.
func (s *Stream) Open(ctx context.Context) ([]types.Shard, error) {
	all, err := s.Shards(ctx)
	var open []types.Shard
	for _, d := range all {
		if d.SequenceNumberRange.EndingSequenceNumber == nil {
			open = append(open, d)
		}
	}
	return open, err
}

// Split cuts an open shard in the middle of its hash keys and waits until its
// two children take records.
func (s *Stream) Split(ctx context.Context, shard string) error {
	d, err := s.find(ctx, shard)
	if err != nil {
		return err
	}
	low, ok1 := new(big.Int).SetString(aws.ToString(d.HashKeyRange.StartingHashKey), 10)
	high, ok2 := new(big.Int).SetString(aws.ToString(d.HashKeyRange.EndingHashKey), 10)
	if !ok1 || !ok2 {
		return fmt.Errorf("split %s: hash keys %+v", shard, d.HashKeyRange)
	}
	middle := low.Add(low, high)
	middle.Rsh(middle, 1).Add(middle, big.NewInt(1))
	_, err = s.Client.SplitShard(ctx, &kinesis.SplitShardInput{StreamName: &s.Name, ShardToSplit: &shard, NewStartingHashKey: aws.String(middle.String())})
	if err := s.resharded(ctx, shard, err); err != nil {
		return fmt.Errorf("split %s: %w", shard, err)
	}
	return nil
}

// Merge joins two neighbouring open shards and waits until their child takes
// records.
func (s *Stream) Merge(ctx context.Context, shard, neighbour string) error {
	_, err := s.Client.MergeShards(ctx, &kinesis.MergeShardsInput{StreamName: &s.Name, ShardToMerge: &shard, AdjacentShardToMerge: &neighbour})
	if err := s.resharded(ctx, shard, err); err != nil {
		return fmt.Errorf("merge %s and %s: %w", shard, neighbour, err)
	}
	return nil
}

// resharded waits until the stream is ACTIVE after a call that reshards it. The
// SDK calls again when an answer is lost, and hears then that it cannot be done:
// what counts is that the shard has children.
func (s *Stream) resharded(ctx context.Context, shard string, failed error) error {
	if err := s.wait(ctx); err != nil || failed == nil {
		return errors.Join(failed, err)
	}
	all, err := s.Shards(ctx)
	for _, d := range all {
		if aws.ToString(d.ParentShardId) == shard {
			return nil
		}
	}
	return errors.Join(failed, err)
}

// errNoShard means that a stream has no such shard.
var errNoShard = errors.New("no such shard")

func (s *Stream) find(ctx context.Context, shard string) (types.Shard, error) {
	all, err := s.Shards(ctx)
	if err != nil {
		return types.Shard{}, err
	}
	for _, d := range all {
		if aws.ToString(d.ShardId) == shard {
			return d, nil
		}
	}
	return types.Shard{}, fmt.Errorf("%s of %s: %w", shard, s.Name, errNoShard)
}
