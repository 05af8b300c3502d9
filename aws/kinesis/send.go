package kinesis

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/aws/smithy-go"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/aws/awsapi"
)

// flight is one entry of a PutRecords call.
type flight struct {
	lane  *lane
	group *group
}

// schedule makes lanes known that have something to send, and sees that there
// is a goroutine that sends.
func (s *Stream) schedule(lanes ...*lane) {
	s.sending.Lock()
	defer s.sending.Unlock()
	s.ready = append(s.ready, lanes...)
	if len(s.ready) > 0 && s.senders < s.options.Senders {
		s.senders++
		go s.send()
	}
}

// send sends until nothing is ready.
func (s *Stream) send() {
	for {
		flights := s.take()
		if len(flights) == 0 {
			return
		}
		s.put(flights)
	}
}

// take collects the records of as many lanes as fit into one call. When there
// are none, the sender has ended.
func (s *Stream) take() (flights []flight) {
	size := 0
	for len(flights) < maxEntries {
		s.sending.Lock()
		if len(s.ready) == 0 {
			if len(flights) == 0 {
				s.senders--
			}
			s.sending.Unlock()
			return flights
		}
		l := s.ready[0]
		s.ready[0] = nil
		s.ready = s.ready[1:]
		s.sending.Unlock()

		g := l.next()
		if g == nil {
			continue
		}
		if err := s.sealed(g); err != nil {
			s.finish(flight{l, g}, err)
			continue
		}
		if size += len(g.data) + len(g.key); size > maxRequest && len(flights) > 0 {
			s.schedule(l)
			return flights
		}
		flights = append(flights, flight{l, g})
	}
	return flights
}

// put makes one PutRecords call and settles every record of it.
func (s *Stream) put(flights []flight) {
	in := &sdk.PutRecordsInput{Records: make([]types.PutRecordsRequestEntry, len(flights))}
	in.StreamName, in.StreamARN = s.name()
	for i, f := range flights {
		in.Records[i] = types.PutRecordsRequestEntry{Data: f.group.data, ExplicitHashKey: &f.group.hash, PartitionKey: &f.group.key}
	}
	// The call serves everybody whose events are in it, so nobody's end of
	// waiting ends it.
	ctx, cancel := context.WithTimeout(context.Background(), s.options.Timeout)
	defer cancel()
	s.stats.calls.Add(1)
	out, err := s.api.PutRecords(ctx, in, once)
	if err == nil && len(out.Records) != len(flights) {
		err = fmt.Errorf("%d records were answered with %d results: %w", len(flights), len(out.Records), awsapi.ErrUnknown)
	}
	if err != nil {
		err = awsapi.ClassifyOn(err, "stream "+s.options.Stream)
		if errors.Is(err, lake.ErrInvalid) && len(flights) > 1 {
			// One of them is to blame; the others shall not suffer for it.
			for _, f := range flights {
				s.put([]flight{f})
			}
			return
		}
		for _, f := range flights {
			s.failed(f, err)
		}
		return
	}
	for i, f := range flights {
		s.settle(f, &out.Records[i])
	}
}

// settle acts on the answer for one record.
func (s *Stream) settle(f flight, result *types.PutRecordsResultEntry) {
	if code := aws.ToString(result.ErrorCode); code != "" {
		s.failed(f, awsapi.ClassifyOn(&smithy.OperationError{ServiceID: sdk.ServiceID, OperationName: "PutRecords",
			Err: &smithy.GenericAPIError{Code: code, Message: aws.ToString(result.ErrorMessage)}}, "stream "+s.options.Stream))
		return
	}
	if lake.ShardID(aws.ToString(result.ShardId)) != f.lane.shard {
		s.stale.Store(true)
	}
	s.count(f.group)
	s.finish(f, nil)
}

// failed sends a record again after a pause, or gives it up.
func (s *Stream) failed(f flight, err error) {
	g := f.group
	if errors.Is(err, awsapi.ErrUnknown) {
		g.uncertain = err
	}
	if awsapi.Passing(err) {
		pause, _ := s.retry.Pause(context.Background(), g.tries)
		if g.tries++; time.Now().Add(pause).Before(g.until) {
			s.stats.again.Add(1)
			time.AfterFunc(pause, func() { s.schedule(f.lane) })
			return
		}
	}
	switch {
	case g.uncertain != nil:
		err = g.uncertain
	case errors.Is(err, lake.ErrFull):
		err = &lake.Hinted{Kind: err, What: "the stream takes no more", Hint: "add shards or use an on-demand stream; what comes in waits with its senders"}
	}
	s.finish(f, err)
}

// finish ends a record's way and goes on with what waits behind it.
func (s *Stream) finish(f flight, err error) {
	if f.lane.finish(f.group, err) {
		s.schedule(f.lane)
	}
}

// try makes a call that may be repeated, until Options.Patience or the
// context's deadline would end. Errors are classified.
func (s *Stream) try(ctx context.Context, call func(context.Context) error) error {
	until := time.Now().Add(s.options.Patience)
	for n := 0; ; n++ {
		one, cancel := context.WithTimeout(ctx, s.options.Timeout)
		err := s.classify(ctx, call(one))
		cancel()
		if err == nil || !awsapi.Passing(err) {
			return err
		}
		pause, ok := s.retry.Pause(ctx, n)
		if !ok || time.Now().Add(pause).After(until) {
			return err
		}
		if err := lake.Sleep(ctx, pause); err != nil {
			return err
		}
	}
}
