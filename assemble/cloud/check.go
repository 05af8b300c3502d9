package cloud

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/aws/awsapi"
	"github.com/eventlake/lake/aws/dynamodb"
	"github.com/eventlake/lake/aws/kinesis"
	"github.com/eventlake/lake/aws/kinesis/lease"
	"github.com/eventlake/lake/aws/s3"
	"github.com/eventlake/lake/raw"
)

// parts are what a program that runs for long works with.
type parts struct {
	stream *kinesis.Stream
	ledger *dynamodb.Ledger
	store  *s3.Store
	leases *lease.Table
}

// check is one question to a part, by which the first words of a person's
// configuration are put to the test.
type check struct {
	keys string // of the configuration, that name it
	ask  func(context.Context) error
}

// checks are questions that change nothing and need no permission that the work
// does not need.
func (p *parts) checks() []check {
	return []check{
		{"aws.stream", func(ctx context.Context) error {
			_, err := p.stream.Shards(ctx)
			return err
		}},
		{"aws.leases", func(ctx context.Context) error {
			_, err := p.leases.List(ctx)
			return err
		}},
		{"aws.ledger and aws.claims", p.ledger.Check},
		{"aws.bucket", func(ctx context.Context) error {
			for _, err := range p.store.List(ctx, raw.Root) {
				return err // one object, or that there is none, is enough
			}
			return nil
		}},
	}
}

// checkTime bounds all checks together: a part that does not answer may do so
// later.
const checkTime = 20 * time.Second

// check returns what is wrong with the first part that cannot become right by
// itself. What may pass is logged only.
func (c *Cloud) check(ctx context.Context, checks []check) error {
	ctx, cancel := context.WithTimeout(ctx, checkTime)
	defer cancel()
	for _, k := range checks {
		err := k.ask(ctx)
		switch {
		case err == nil:
		case errors.Is(err, lake.ErrNotFound), errors.Is(err, lake.ErrInvalid):
			return &lake.Hinted{Kind: err, What: k.keys, Hint: fmt.Sprintf(
				"check %s and the region, which is %s; terraform apply makes what is missing", k.keys, c.AWS.Region)}
		case errors.Is(err, s3.ErrNoBucket), errors.Is(err, awsapi.ErrDenied), errors.Is(err, lake.ErrCorrupt):
			return fmt.Errorf("%s: %w", k.keys, err)
		default:
			c.Log.Warn("a part does not answer; the work begins when it does", "keys", k.keys, "error", err, "hint", lake.Hint(err))
		}
	}
	return nil
}

// named is a key of the configuration and its value.
type named struct{ key, value string }

// needAll is need for several keys: all that are empty are named at once.
func needAll(all ...named) error {
	var keys, variables []string
	for _, n := range all {
		if n.value == "" {
			keys, variables = append(keys, n.key), append(variables, variable(n.key))
		}
	}
	if len(keys) == 0 {
		return nil
	}
	return lake.Errorf(lake.ErrInvalid, "set "+strings.Join(variables, ", ")+", or name them in the section aws of lake.yaml",
		"no value for %s", strings.Join(keys, ", "))
}
