package cloud

import (
	"os"

	"github.com/aws/aws-lambda-go/lambdacontext"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/aws/cloudwatch"
	"github.com/eventlake/lake/aws/dynamodb"
	"github.com/eventlake/lake/aws/firehose"
	"github.com/eventlake/lake/lambda/ingest"
)

// Namespace is that of the lake's metrics in CloudWatch.
const Namespace = "Eventlake"

// Metrics are written to stdout, a line a call, by environment and function.
func (c *Cloud) Metrics() (*cloudwatch.Metrics, error) {
	return cloudwatch.New(os.Stdout, cloudwatch.Options{
		Namespace: Namespace, Clock: c.Clock,
		Dimensions: []cloudwatch.Dimension{{Name: "Env", Value: c.Config.AWS.Environment}, {Name: "Function", Value: lambdacontext.FunctionName}},
	})
}

// Flush writes the line; a line that cannot be written costs no events.
func (c *Cloud) Flush(m *cloudwatch.Metrics) {
	if err := m.Flush(); err != nil {
		c.Log.Warn("metrics", "error", err)
	}
}

// spent is what the services were asked for so far.
type spent struct {
	claims   dynamodb.Stats
	delivery firehose.Stats
}

func (c *Cloud) spent() (s spent) {
	if c.ledger != nil {
		s.claims = c.ledger.Stats()
	}
	if c.firehose != nil {
		s.delivery = c.firehose.Stats()
	}
	return s
}

// Batches returns what lambda-ingest tells of each batch.
func (c *Cloud) Batches(m *cloudwatch.Metrics) func(ingest.Batch) {
	before := c.spent()
	return func(b ingest.Batch) {
		m.Property("shard", string(b.Shard))
		m.Add("Records", cloudwatch.Count, float64(b.Records))
		m.Add("Events", cloudwatch.Count, float64(b.Events))
		m.Add("Unsettled", cloudwatch.Count, float64(b.Events-b.Settled))
		for _, t := range b.Receipt.Books {
			m.Add("Unique", cloudwatch.Count, float64(t.Unique))
			m.Add("Duplicate", cloudwatch.Count, float64(t.Duplicate))
			m.Add("Quarantined", cloudwatch.Count, float64(t.Quarantined))
			if t.Type == lake.OtherName {
				m.Add("Other", cloudwatch.Count, float64(t.Unique)) // beyond the caps of names
			}
		}
		m.Max("EventAge", cloudwatch.Milliseconds, cloudwatch.Millis(max(0, b.Age)))
		m.Max("Took", cloudwatch.Milliseconds, cloudwatch.Millis(b.Took))
		now := c.spent()
		m.Add("ClaimWrites", cloudwatch.Count, float64(now.claims.Writes-before.claims.Writes))
		m.Add("FirehoseSent", cloudwatch.Bytes, float64(now.delivery.Sent-before.delivery.Sent))
		m.Add("FirehoseBilled", cloudwatch.Bytes, float64(now.delivery.Billed-before.delivery.Billed))
		m.Add("Repeated", cloudwatch.Count, float64(now.delivery.Repeated-before.delivery.Repeated+now.claims.Again-before.claims.Again))
		before = now
		c.Flush(m)
	}
}
