package aws

import (
	"encoding/json"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"github.com/eventlake/lake/laketest/awslocal/lambda"
	"github.com/eventlake/lake/lambda/curate"
)

// TestWhatIsMissingOrForbiddenIsNamed starts functions with one thing wrong and
// demands that what they say names the action and the resource.
func TestWhatIsMissingOrForbiddenIsNamed(t *testing.T) {
	t.Parallel()
	s := newSite(t, setup{})
	batch := kinesisEvent("shardId-000000000000", "49590338271490256608559692538361571095921575989136588898", []byte(odd("a")))
	broken := kinesisEvent("shardId-000000000000", "49590338271490256608559692538361571095921575989136588898", []byte("broken"))
	request := events.APIGatewayV2HTTPRequest{RawPath: "/v1/events", Body: odd("a"), Headers: map[string]string{"content-type": "application/json"}}
	request.RequestContext.HTTP.Method = "POST"
	upkeep := curate.Task{Task: "upkeep"}
	s.dynamodb.set(func(_, table string) verdict {
		if strings.HasPrefix(table, "forbidden") {
			return deny
		}
		return pass
	})
	for name, c := range map[string]struct {
		function string
		env      map[string]string
		in       any
		says     []string // all of them
	}{
		"no claims' table":        {"ingest", map[string]string{"LAKE_AWS_CLAIMS": "gone-claims"}, batch, []string{"PutItem", "gone-claims"}},
		"no ledger's table":       {"ingest", map[string]string{"LAKE_AWS_LEDGER": "gone-ledger"}, batch, []string{"GetItem", "gone-ledger"}},
		"no delivery stream":      {"ingest", map[string]string{"LAKE_AWS_FIREHOSE": "gone-delivery"}, batch, []string{"PutRecordBatch", "gone-delivery"}},
		"no bucket":               {"ingest", map[string]string{"LAKE_AWS_BUCKET": "gone-bucket"}, broken, []string{"create quarantine/", "s3://gone-bucket: no such bucket", "check the bucket's name"}},
		"no bucket for tables":    {"curate", map[string]string{"LAKE_AWS_BUCKET": "gone-bucket"}, upkeep, []string{"list ", "s3://gone-bucket: no such bucket"}},
		"no database":             {"curate", map[string]string{"LAKE_AWS_GLUE_DATABASE": "gone_database"}, upkeep, []string{"GetTables", "gone_database"}},
		"no stream":               {"collect", map[string]string{"LAKE_AWS_STREAM": "gone-stream"}, request, []string{"kinesis", "gone-stream"}},
		"no configuration":        {"ingest", map[string]string{"LAKE_CONFIG": "s3://" + s.Names.Bucket + "/config/gone.yaml"}, batch, []string{"config/gone.yaml", s.Names.Bucket}},
		"nothing is set":          {"ingest", map[string]string{"LAKE_AWS_LEDGER": ""}, batch, []string{"aws.ledger is empty", "LAKE_AWS_LEDGER"}},
		"claims are forbidden":    {"ingest", map[string]string{"LAKE_AWS_CLAIMS": "forbidden-claims"}, batch, []string{"allow dynamodb:PutItem on arn:aws:dynamodb:us-east-1:123456789012:table/forbidden-claims"}},
		"the ledger is forbidden": {"curate", map[string]string{"LAKE_AWS_LEDGER": "forbidden-ledger"}, upkeep, []string{"dynamodb:", "forbidden-ledger", "allow"}},
	} {
		t.Run(name, func(t *testing.T) {
			said := s.startedWith(t, c.function, c.env, c.in)
			for _, text := range c.says {
				if !strings.Contains(said, text) {
					t.Errorf("%q is not said:\n%s", text, said)
				}
			}
		})
	}
}

// startedWith invokes a function that has other variables and returns what it
// said, the answer and the error included.
func (s *site) startedWith(t *testing.T, name string, env map[string]string, in any) string {
	t.Helper()
	log := &tail{}
	all := map[string]string{"LAKE_CONFIG": "s3://" + s.Names.Bucket + "/config/lake.yaml", "AWS_ENDPOINT_URL_DYNAMODB": s.dynamodb.url}
	maps.Copy(all, env)
	f, err := s.AddFunction(lambda.Config{
		Name: s.Names.Lake + "-" + strings.ReplaceAll(strings.ReplaceAll(t.Name(), "/", "-"), "_", "-"), Bootstrap: bootstrap(t, name),
		Timeout: 12 * time.Second, InitLimit: time.Minute, Log: log, Env: all,
	})
	if err != nil {
		t.Fatal(err)
	}
	payload, err := json.Marshal(in)
	if err != nil {
		t.Fatal(err)
	}
	result, err := f.Invoke(t.Context(), payload)
	if err := f.Close(); err != nil {
		t.Error(err)
	}
	said := log.String() + string(result.Payload)
	if err != nil {
		said += err.Error()
	}
	return said
}
