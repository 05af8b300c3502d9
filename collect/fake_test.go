package collect_test

import (
	"context"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/collect"
	"github.com/eventlake/lake/serve/api"
	"github.com/eventlake/lake/transform"
)

// stream remembers what was appended; fail and block are asked first.
type stream struct {
	mu     sync.Mutex
	events []lake.Event
	calls  int
	fail   error
	block  chan struct{} // Append waits until it is closed
	inside chan struct{} // gets a value when an Append waits
	keep   bool
}

func newStream() *stream { return &stream{keep: true, inside: make(chan struct{}, 100)} }

func (s *stream) Append(ctx context.Context, events []lake.Event) error {
	s.mu.Lock()
	fail, block := s.fail, s.block
	s.mu.Unlock()
	if block != nil {
		s.inside <- struct{}{}
		select {
		case <-block:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	if fail != nil {
		return fail
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls++
	if !s.keep {
		return nil
	}
	for _, e := range events {
		e.Body = slices.Clone(e.Body)
		s.events = append(s.events, e)
	}
	return nil
}

func (s *stream) Shards(context.Context) ([]lake.Shard, error) { return nil, nil }
func (s *stream) Read(context.Context, lake.ShardID, lake.Position, int, *lake.Batch) error {
	return nil
}
func (s *stream) Wait(context.Context, lake.ShardID, lake.Position) error { return nil }

// taken returns what was appended and forgets it.
func (s *stream) taken() []lake.Event {
	s.mu.Lock()
	defer s.mu.Unlock()
	defer func() { s.events = nil }()
	return s.events
}

// setup is a handler over a fake stream and a time that only the test moves.
type setup struct {
	t       testing.TB
	cfg     collect.Config
	stream  *stream
	handler *collect.Handler
	now     func(time.Duration) lake.Instant // moves the time, and reads it
}

const testNow = lake.Instant(1_750_000_000_000_000) // 2025-06-15T15:06:40Z

func build(t testing.TB, change func(*collect.Config)) *setup {
	t.Helper()
	how, err := transform.New(transform.DefaultMapping())
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	now := testNow
	move := func(d time.Duration) lake.Instant {
		mu.Lock()
		defer mu.Unlock()
		now = now.Add(d)
		return now
	}
	s := newStream()
	cfg := collect.Config{
		Stream: s,
		Sources: func(id lake.SourceID) *transform.Transformer {
			if id == "nowhere" {
				return nil
			}
			return how
		},
		Clock: func() lake.Instant { return move(0) },
	}
	if change != nil {
		change(&cfg)
	}
	h, err := collect.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return &setup{t, cfg, s, h, move}
}

// testKeys knows four keys.
func testKeys(secret string) (api.Caller, error) {
	switch secret {
	case "web-key":
		return api.Caller{Key: "k1", Source: "web", Role: api.Write}, nil
	case "read-key":
		return api.Caller{Key: "k2", Source: "web", Role: api.Read}, nil
	case "admin-key":
		return api.Caller{Key: "k3", Source: "web", Role: api.Admin}, nil
	case "old-key":
		return api.Caller{}, lake.Errorf(lake.ErrInvalid, "ask for a new one", "key k4 was revoked")
	}
	return api.Caller{}, lake.Errorf(lake.ErrInvalid, "`lake keys create` makes one", "unknown key")
}

func (s *setup) server() *httptest.Server {
	srv := httptest.NewServer(s.handler)
	s.t.Cleanup(srv.Close)
	return srv
}
