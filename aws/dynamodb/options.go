package dynamodb

import (
	"log/slog"
	"time"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/aws/awsapi"
)

// Dedup says how copies of an event are told apart on their way into raw.
type Dedup string

// The ways of Dedup.
const (
	// DedupClaims: one write an event; raw holds an event once.
	DedupClaims Dedup = "claims"
	// DedupNone: every claim is owned and nothing is asked. Copies reach raw
	// and are dropped where tables are made.
	DedupNone Dedup = "none"
)

// Options are the ledger's settings; the zero value means the defaults.
type Options struct {
	Claims string // name of the claims' table; default "claims"
	Ledger string // name of the ledger's table; default "ledger"
	Dedup  Dedup  // default DedupClaims
	// ClaimTTL is how long a claim lives, by log time in whole seconds. It must
	// be longer than the stream's retention and the time that producers try
	// again for. Default 7 days. A copy that comes later reaches raw and is
	// dropped where tables are made.
	ClaimTTL time.Duration
	// Concurrency is how many claims are asked for at once, by all calls of
	// Claim together. Default 64.
	Concurrency int
	// Retry tries throttled and unanswered calls again. Default: the zero Retry,
	// which uses the time that there is.
	Retry *awsapi.Retry
	// Store takes contents that are too large for items, under "ledger/".
	// Without it commits of more than some thousand files are refused with
	// ErrLimit.
	Store lake.Store
	// Checkpoint is how many commits of a shard there may be behind its
	// checkpoint. Default 128.
	Checkpoint int
	// KeepBooks is how long, by log time, a Journal has the books of an hour.
	// Default 400 days: books of every hour for ever would be most of the
	// ledger. Negative keeps them.
	KeepBooks time.Duration
	// KeepReceipts is how long receipts are kept, by the clock. Default 90 days.
	KeepReceipts time.Duration
	// Clock dates commits. Default lake.SystemClock.
	Clock lake.Clock
	// Logger gets what does not fail a call. Default: nowhere.
	Logger *slog.Logger

	fullPart int // files from which a part gets an object of its own
	inline   int // contents up to so many bytes stay in their item when there is a Store
}

const (
	defaultConcurrency = 64
	day                = 24 * time.Hour
)

func (o Options) withDefaults() Options {
	if o.Claims == "" {
		o.Claims = "claims"
	}
	if o.Ledger == "" {
		o.Ledger = "ledger"
	}
	if o.Dedup == "" {
		o.Dedup = DedupClaims
	}
	if o.ClaimTTL <= 0 {
		o.ClaimTTL = 7 * day
	}
	if o.Concurrency <= 0 {
		o.Concurrency = defaultConcurrency
	}
	if o.Retry == nil {
		o.Retry = &awsapi.Retry{}
	}
	if o.Checkpoint <= 0 {
		o.Checkpoint = 128
	}
	if o.KeepBooks == 0 {
		o.KeepBooks = 400 * day
	}
	if o.KeepReceipts <= 0 {
		o.KeepReceipts = 90 * day
	}
	if o.Clock == nil {
		o.Clock = lake.SystemClock
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.inline == 0 {
		o.inline = 32 << 10
	}
	if o.fullPart == 0 {
		o.fullPart = fullPart
	}
	return o
}
