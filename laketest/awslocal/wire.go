package awslocal

import (
	"context"
	"maps"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/eventlake/lake/laketest/awslocal/lambda"
	"github.com/eventlake/lake/laketest/awslocal/mapping"
)

// AddFunction runs a bootstrap with the cloud's variables and, over them, those
// of cfg. It can be invoked by its name.
func (c *Cloud) AddFunction(cfg lambda.Config) (*lambda.Function, error) {
	env := c.Environment()
	maps.Copy(env, cfg.Env)
	cfg.Env = env
	f, err := lambda.New(cfg)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.functions[cfg.Name] = f
	return f, nil
}

// function finds a function for the API; nil is an unknown name.
func (c *Cloud) function(name string) *lambda.Function {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.functions[name]
}

// FromStream lets the target take the records of the stream, by a mapping with
// the options of m.
func (c *Cloud) FromStream(target mapping.Target, m mapping.Kinesis) (*mapping.KinesisMapping, error) {
	m.Client, m.Stream, m.Target = c.Kinesis(), c.Names.Stream, target
	if m.Log == nil {
		m.Log = c.log
	}
	k, err := mapping.NewKinesis(m)
	if err != nil {
		return nil, err
	}
	c.add(k, k.Run)
	return k, nil
}

// FromQueue lets the target take what S3 tells of new objects, by a mapping with
// the options of m. Call it after FromStream: Settle waits in this order.
func (c *Cloud) FromQueue(target mapping.Target, m mapping.SQS) (*mapping.SQSMapping, error) {
	m.Client, m.URL, m.ARN, m.Target = sqs.NewFromConfig(c.Moto.Config()), c.QueueURL, c.Names.QueueARN(), target
	if m.Log == nil {
		m.Log = c.log
	}
	q, err := mapping.NewSQS(m)
	if err != nil {
		return nil, err
	}
	c.add(q, q.Run)
	return q, nil
}

func (c *Cloud) add(s source, run func(context.Context)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.sources = append(c.sources, s)
	c.background(run)
}

// Every invokes the target again and again with the payload, as a schedule
// does, the first time after one interval. An invocation that fails is logged.
func (c *Cloud) Every(interval time.Duration, target mapping.Target, payload []byte) {
	c.background(func(ctx context.Context) {
		t := time.NewTicker(interval)
		defer t.Stop()
		for {
			select {
			case <-t.C:
				if _, err := target.Invoke(ctx, payload); err != nil && ctx.Err() == nil {
					c.log.Warn("scheduled invocation failed", "function", target.ARN(), "error", err)
				}
			case <-ctx.Done():
				return
			}
		}
	})
}

// Front serves a function by HTTP.
func (c *Cloud) Front(f *lambda.Function) (*Endpoint, error) {
	e, err := Serve(lambda.URL(f))
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.fronts = append(c.fronts, e)
	return e, nil
}
