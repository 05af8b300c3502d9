// Package streamtest is the contract of lake.Stream as tests. Every adapter
// runs Suite. It takes positions as they come: it compares them, and never
// assumes that they are consecutive numbers.
package streamtest

import (
	"testing"
	"time"

	"github.com/eventlake/lake"
)

// Subject is the adapter under test and what it declares about itself.
type Subject struct {
	// Open makes a new, empty stream, and has t's cleanup close it. At least two
	// shards, so that order within a shard can be told from order of the whole.
	Open func(t *testing.T) lake.Stream
	// Reopen closes the stream and opens what it has stored. nil when the
	// adapter's storage does not end with the value (a service).
	Reopen func(t *testing.T, s lake.Stream) lake.Stream
	// Trim makes the stream forget records up to a position that it returned; it
	// may keep some of them. nil when the adapter cannot be told to.
	Trim func(t *testing.T, s lake.Stream, shard lake.ShardID, to lake.Position)
	// Split closes a shard in favour of two new ones, and returns when that is
	// done. nil when the adapter's shards are fixed.
	Split func(t *testing.T, s lake.Stream, shard lake.ShardID)
	// MaxBody is the largest body that the adapter takes; 0 is lake.MaxBody.
	MaxBody int
	// Patience is how long something may take that must happen; 0 is 30 s.
	Patience time.Duration
}

// Suite runs the contract against an adapter.
func Suite(t *testing.T, s Subject) {
	if s.MaxBody == 0 {
		s.MaxBody = lake.MaxBody
	}
	if s.Patience == 0 {
		s.Patience = 30 * time.Second
	}
	tests := []struct {
		name string
		run  func(*testing.T, Subject)
	}{
		{"an event comes back as it was", roundTrip},
		{"an empty append stores nothing", emptyAppend},
		{"order within a call is kept per shard", orderInCall},
		{"order of calls one after the other is kept per shard", orderOfCalls},
		{"events of one id go to one shard", sameShard},
		{"concurrent calls each keep their order and lose nothing", concurrent},
		{"reading goes on from any position, again and again", anyPosition},
		{"reading goes on in front of any record", inFront},
		{"several readers see the same", severalReaders},
		{"max bounds a batch but never to nothing", maxBytes},
		{"a batch can be used again", reuse},
		{"bodies are not kept after append returns", bodiesNotKept},
		{"bodies of every size up to the limit", bigBodies},
		{"a body over the port's limit is refused", tooBig},
		{"log time never goes back in a shard", logTime},
		{"wait returns once there is a record", waitWakes},
		{"wait ends with its context", waitCancelled},
		{"a cancelled append returns the context's error", appendCancelled},
		{"an unknown shard is not found", unknownShard},
		{"what was trimmed says so", trimmed},
		{"a split shard ends and its children go on", split},
		{"opening again keeps everything", reopen},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) { tt.run(t, s) })
	}
}
