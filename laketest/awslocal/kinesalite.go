package awslocal

import (
	"cmp"
	"context"
	_ "embed" // the script
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"time"
)

//go:embed testdata/kinesalite.js
var kinesaliteScript string

// KinesaliteOptions says how a kinesalite behaves; the zero value is right for
// most tests.
type KinesaliteOptions struct {
	Shards int           // shards that an account may have; 100 when 0
	Settle time.Duration // how long a stream stays in CREATING or UPDATING; 5 ms when 0
}

// StartKinesalite starts a kinesalite without streams on a free port of
// 127.0.0.1. It keeps of Kinesis: sequence numbers of 56 digits that never go
// back in a shard, routing by the MD5 of the partition key or by an explicit
// hash key, splits and merges with parents and closed shards, iterators that
// expire, the limits of one PutRecords (500 records, 1 MiB each, 5 MiB: those
// of before October 2025). It leaves out throttling, UpdateShardCount and
// enhanced fan-out. ErrNotInstalled when it is missing.
func StartKinesalite(ctx context.Context, tools Tools, opts KinesaliteOptions) (*Endpoint, error) {
	if err := need("kinesalite", tools.NodeModules); err != nil {
		return nil, err
	}
	settle := cmp.Or(opts.Settle, 5*time.Millisecond).Milliseconds()
	args, err := json.Marshal(map[string]any{
		"shardLimit":     cmp.Or(opts.Shards, 100),
		"createStreamMs": settle,
		"deleteStreamMs": settle,
		"updateStreamMs": settle,
	})
	if err != nil {
		return nil, fmt.Errorf("start kinesalite: %w", err)
	}
	cmd := exec.Command("node", "-e", kinesaliteScript, "--", string(args))
	cmd.Env = append(os.Environ(), "NODE_PATH="+tools.NodeModules)
	p, url, err := spawn(ctx, "kinesalite", cmd)
	if err != nil {
		return nil, err
	}
	return &Endpoint{URL: url, end: p.stop, said: p.out.String}, nil
}
