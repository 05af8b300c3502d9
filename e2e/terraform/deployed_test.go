// Package terraform holds the tests of deploy/terraform: what it plans, what it
// makes on an emulated cloud, and that a lake works there with what its roles
// may do. They need Terraform and its AWS provider, and are skipped, loudly,
// without.
package terraform

import (
	"bytes"
	"fmt"
	"maps"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/aws/dynamodb"
	"github.com/eventlake/lake/config"
	"github.com/eventlake/lake/gen"
	"github.com/eventlake/lake/laketest/awslocal"
	"github.com/eventlake/lake/laketest/terraform"
	"github.com/eventlake/lake/lambda/audit"
	"github.com/eventlake/lake/lambda/curate"
	"github.com/eventlake/lake/lambda/replay"
)

// TestDevComesWorksAndGoes makes the lake of envs/dev on an emulated cloud, with
// its state in a bucket; sees that a second plan changes nothing; lets events go
// their whole way through what was made; compares every call of the Lambdas with
// what their roles may do; and takes everything away again.
func TestDevComesWorksAndGoes(t *testing.T) {
	t.Parallel()
	life(t, "dev")
}

// TestProdComesWorksAndGoes is the same for prod: standard, with Firehose and a
// crawler. It takes as long again.
func TestProdComesWorksAndGoes(t *testing.T) {
	if os.Getenv("LAKE_TERRAFORM") != "all" {
		t.Skip("run make terraform for prod; dev is tested always")
	}
	t.Parallel()
	life(t, "prod")
}

const states = "lake-states"

func life(t *testing.T, environment string) {
	moto := awslocal.Moto(t)
	if _, err := moto.S3().CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: aws.String(states)}); awslocal.Made(err) != nil {
		t.Fatal(err)
	}
	w := terraform.OpenRemote(t, environment, states, moto)
	w.Set("emulated=true", "protect=false", "config_file=tests/lake.yaml")
	timed(t, "apply", func() error { return w.Apply(t.Context()) })
	stateLies(t, moto, environment)
	timed(t, "plan", func() error {
		changes, err := w.Changes(t.Context())
		if changes != "" {
			t.Errorf("a second plan would change something:\n%s", changes)
		}
		return err
	})
	t.Run("names", func(t *testing.T) { names(t, w, moto, environment) })
	t.Run("works", func(t *testing.T) {
		s := run(t, w, moto, environment)
		s.work()
		s.mayDoWhatItDoes()
	})
	timed(t, "destroy", func() error { return w.Destroy(t.Context()) })
	nothingIsLeft(t, moto)
}

func timed(t *testing.T, what string, do func() error) {
	t.Helper()
	begun := time.Now()
	if err := do(); err != nil {
		t.Fatal(err)
	}
	t.Logf("%s: %v", what, time.Since(begun).Round(time.Second))
}

// stateLies looks for the state where backend.hcl says, and that nobody holds it.
func stateLies(t *testing.T, moto *awslocal.Endpoint, environment string) {
	t.Helper()
	out, err := moto.S3().ListObjectsV2(t.Context(), &s3.ListObjectsV2Input{Bucket: aws.String(states)})
	if err != nil {
		t.Fatal(err)
	}
	var keys []string
	for _, o := range out.Contents {
		keys = append(keys, *o.Key)
	}
	if want := []string{"lake/" + environment + ".tfstate"}; !slices.Equal(keys, want) {
		t.Errorf("the bucket of states has %v, want %v", keys, want)
	}
}

// names compares what was made with what programs and other tests expect.
func names(t *testing.T, w *terraform.Workspace, moto *awslocal.Endpoint, environment string) {
	made, err := w.State(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var env map[string]string
	if err := made.Output("environment", &env); err != nil {
		t.Fatal(err)
	}
	n := awslocal.NamesOf("lake", environment)
	for key, want := range map[string]string{
		"STREAM": n.Stream, "BUCKET": n.Bucket, "CLAIMS": n.Claims, "LEDGER": n.Ledger, "GLUE_DATABASE": n.Database, "ENVIRONMENT": environment,
	} {
		if got := env["LAKE_AWS_"+key]; got != want {
			t.Errorf("LAKE_AWS_%s is %q, want %q", key, got, want)
		}
	}
	if f := env["LAKE_AWS_FIREHOSE"]; f != "" && f != n.Firehose {
		t.Errorf("LAKE_AWS_FIREHOSE is %q, want %q", f, n.Firehose)
	}
	for r := range made.All("aws_lambda_function") {
		var f deployed
		if err := made.Get(r.Address, &f); err != nil {
			t.Fatal(err)
		}
		var list []string
		for k, v := range f.Environment[0].Variables {
			list = append(list, k+"="+v)
		}
		if c, err := config.Load("", list, nil); err != nil || len(c.Warnings) > 0 {
			t.Errorf("the variables of %s: %v %v", f.Name, err, c.Warnings)
		}
	}
	tables(t, moto, n)
}

// tables compares keys, TTL and recovery of the tables with those that the
// ledger wants.
func tables(t *testing.T, moto *awslocal.Endpoint, n awslocal.Names) {
	t.Helper()
	client := sdk.NewFromConfig(moto.Config())
	for _, want := range dynamodb.Tables(dynamodb.Options{Claims: n.Claims, Ledger: n.Ledger}) {
		got, err := client.DescribeTable(t.Context(), &sdk.DescribeTableInput{TableName: want.TableName})
		if err != nil {
			t.Fatal(err)
		}
		if a, b := fmt.Sprint(keyed(want.KeySchema, want.AttributeDefinitions)), fmt.Sprint(keyed(got.Table.KeySchema, got.Table.AttributeDefinitions)); a != b {
			t.Errorf("table %s has the key %s, want %s", *want.TableName, b, a)
		}
		ttl, err := client.DescribeTimeToLive(t.Context(), &sdk.DescribeTimeToLiveInput{TableName: want.TableName})
		if err != nil {
			t.Fatal(err)
		}
		if d := ttl.TimeToLiveDescription; d == nil || aws.ToString(d.AttributeName) != dynamodb.TTLAttribute {
			t.Errorf("table %s: TTL by %+v, want %s", *want.TableName, d, dynamodb.TTLAttribute)
		}
		backups, err := client.DescribeContinuousBackups(t.Context(), &sdk.DescribeContinuousBackupsInput{TableName: want.TableName})
		if err != nil {
			t.Fatal(err)
		}
		if d := backups.ContinuousBackupsDescription.PointInTimeRecoveryDescription; d == nil || d.PointInTimeRecoveryStatus != "ENABLED" {
			t.Errorf("table %s cannot be brought back to a point in time: %+v", *want.TableName, d)
		}
	}
}

// keyed lists the parts of a key with their types.
func keyed(schema []types.KeySchemaElement, attributes []types.AttributeDefinition) (parts []string) {
	for _, k := range schema {
		for _, a := range attributes {
			if *a.AttributeName == *k.AttributeName {
				parts = append(parts, fmt.Sprintf("%s %s %s", k.KeyType, *k.AttributeName, a.AttributeType))
			}
		}
	}
	return parts
}

// work sends events, has them kept, replayed, rebuilt and audited.
func (s *site) work() {
	t := s.t
	if status, answer := s.post(`{"event_uuid":"1","event_name":"a:b","created_at":1772323200}`, "lk_wrong"); status != http.StatusUnauthorized {
		t.Errorf("an event without a key is answered with %d %s", status, answer)
	}
	begun := lake.SystemClock()
	g := gen.New(gen.Options{Seed: 7, Events: 1500, Duplicates: 0.1, Late: 0.02, Malformed: 0.02})
	var body []byte
	for more := true; more; {
		body, more = g.Next(body)
		body = append(body, '\n')
		if !more || len(body) > 300_000 {
			if status, answer := s.post(string(bytes.TrimRight(body, "\n")), s.key); status != http.StatusAccepted && status != http.StatusOK {
				t.Fatalf("events are answered with %d %.500s", status, answer)
			}
			body = body[:0]
		}
	}
	// A name that is none of a path: such lines go around Firehose.
	if status, answer := s.post(`{"event_uuid":"odd","event_name":"Odd Type:a/b","created_at":"2026-03-01T12:00:00Z"}`, s.key); status != http.StatusAccepted {
		t.Fatalf("an odd name is answered with %d %s", status, answer)
	}
	unique := g.Truth().Unique + 1
	s.settle()

	var made curate.Report
	s.call("curate", curate.Task{Task: "upkeep"}, &made)
	if made.Waiting != 0 {
		t.Errorf("%d raw files wait after upkeep", made.Waiting)
	}
	s.audited(begun, unique)

	var r replay.Report
	if s.call("replay", replay.Request{Target: replay.ToStream, From: "2026-03-01", To: "2026-03-02"}, &r); r.Published.Events == 0 || !r.Finished {
		t.Errorf("a day published again: %+v", r)
	}
	s.settle()
	s.call("curate", curate.Task{Task: "upkeep"}, &made)
	r = replay.Report{}
	s.call("replay", replay.Request{Target: replay.ToRebuild, From: "2026-03-01", To: "2026-03-02", Force: true}, &r)
	if len(r.Rebuilt) == 0 || !r.Rebuilt[0].Swapped || !r.Finished {
		t.Errorf("a day rebuilt: %+v", r)
	}
	s.giveUp()
	s.audited(begun, unique)
}

// settle waits until stream and delivery are empty, what could not be placed is
// settled, and all notifications are worked on.
func (s *site) settle() {
	s.t.Helper()
	if err := s.Settle(s.t.Context()); err != nil {
		s.t.Fatal(err)
	}
	s.eventually("settled: what Firehose could not place", func() bool { return s.empty("failed/firehose/") })
	for _, queue := range []string{s.Names.Lake + "-failed", s.Names.Queue} {
		s.eventually("empty: "+queue, func() bool { return s.waiting(queue) == 0 })
	}
}

// empty reports whether nothing lies below a prefix of the bucket.
func (s *site) empty(prefix string) bool {
	s.t.Helper()
	out, err := s.Moto.S3().ListObjectsV2(s.t.Context(), &s3.ListObjectsV2Input{Bucket: &s.Names.Bucket, Prefix: &prefix})
	if err != nil {
		s.t.Fatal(err)
	}
	return len(out.Contents) == 0
}

// waiting is how many messages a queue has, also those that are worked on.
func (s *site) waiting(queue string) int {
	s.t.Helper()
	client := sqs.NewFromConfig(s.Moto.Config())
	url, err := client.GetQueueUrl(s.t.Context(), &sqs.GetQueueUrlInput{QueueName: &queue})
	if err != nil {
		s.t.Fatal(err)
	}
	out, err := client.GetQueueAttributes(s.t.Context(), &sqs.GetQueueAttributesInput{QueueUrl: url.QueueUrl, AttributeNames: []sqsAttribute{"All"}})
	if err != nil {
		s.t.Fatal(err)
	}
	n := 0
	for _, a := range []string{"ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"} {
		var v int
		if _, err := fmt.Sscan(out.Attributes[a], &v); err != nil {
			s.t.Fatal(err)
		}
		n += v
	}
	return n
}

// audited demands that the books balance and that raw holds so many events.
func (s *site) audited(begun lake.Instant, unique int64) {
	s.t.Helper()
	hour := func(i lake.Instant) string { return i.Time().Format(time.RFC3339) }
	var r audit.Report
	s.call("audit", audit.Request{From: hour(begun.Hour()), To: hour(lake.SystemClock().Hour().Add(time.Hour)), Stream: true}, &r)
	var sum, rows int64
	for _, row := range r.Rows {
		sum += row.Unique
		rows += row.Table
	}
	if r.Gap != 0 || r.Doubled != 0 || len(r.Problems) > 0 || sum != unique || rows != unique {
		s.t.Errorf("%d unique events, %d rows, want %d; gap %d, doubled %d\n%s", sum, rows, unique, r.Gap, r.Doubled, strings.Join(r.Problems, "\n"))
	}
}

// giveUp leaves batches in the bucket as Lambda does, with and without their
// payload, and waits until lambda-replay, told by the bucket, has settled them.
func (s *site) giveUp() {
	s.t.Helper()
	shard, texts := s.givenUp()
	for i, text := range texts {
		s.forget(shard)
		s.put(fmt.Sprintf("aws/lambda/mapping/shard/2026/03/01/%d", i), []byte(text))
		s.eventually("settled: a batch that was given up", func() bool { return s.empty("aws/lambda/") })
	}
	s.settle()
}

// forget deletes the receipts of a shard, as if its batches had been given up
// before they were settled.
func (s *site) forget(shard string) {
	s.t.Helper()
	client := sdk.NewFromConfig(s.Moto.Config())
	out, err := client.Query(s.t.Context(), &sdk.QueryInput{
		TableName: &s.Names.Ledger, KeyConditionExpression: aws.String("pk = :pk"),
		ExpressionAttributeValues: map[string]types.AttributeValue{":pk": &types.AttributeValueMemberS{Value: "receipt#" + shard}},
	})
	if err != nil {
		s.t.Fatal(err)
	}
	if len(out.Items) == 0 {
		s.t.Fatalf("shard %s has no receipts", shard)
	}
	for _, i := range out.Items {
		if _, err := client.DeleteItem(s.t.Context(), &sdk.DeleteItemInput{TableName: &s.Names.Ledger, Key: map[string]types.AttributeValue{"pk": i["pk"], "sk": i["sk"]}}); err != nil {
			s.t.Fatal(err)
		}
	}
}

// nothingIsLeft looks for what was made.
func nothingIsLeft(t *testing.T, moto *awslocal.Endpoint) {
	t.Helper()
	left := map[string]int{}
	buckets, err := moto.S3().ListBuckets(t.Context(), &s3.ListBucketsInput{})
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range buckets.Buckets {
		if *b.Name != states {
			left["buckets"]++
		}
	}
	tables, err := sdk.NewFromConfig(moto.Config()).ListTables(t.Context(), &sdk.ListTablesInput{})
	if err != nil {
		t.Fatal(err)
	}
	left["tables"] = len(tables.TableNames)
	queues, err := sqs.NewFromConfig(moto.Config()).ListQueues(t.Context(), &sqs.ListQueuesInput{})
	if err != nil {
		t.Fatal(err)
	}
	left["queues"] = len(queues.QueueUrls)
	functions, err := lambda.NewFromConfig(moto.Config()).ListFunctions(t.Context(), &lambda.ListFunctionsInput{})
	if err != nil {
		t.Fatal(err)
	}
	left["functions"] = len(functions.Functions)
	for what := range maps.Keys(left) {
		if left[what] != 0 {
			t.Errorf("after destroy %d %s are left", left[what], what)
		}
	}
}

// TestTheBucketOfStates makes what make deploy-state makes.
func TestTheBucketOfStates(t *testing.T) {
	t.Parallel()
	moto := awslocal.Moto(t)
	w := terraform.Open(t, "state", moto)
	w.Set("bucket=" + states)
	timed(t, "apply", func() error { return w.Apply(t.Context()) })
	changes, err := w.Changes(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if changes != "" {
		t.Errorf("a second plan would change something:\n%s", changes)
	}
	versions, err := moto.S3().GetBucketVersioning(t.Context(), &s3.GetBucketVersioningInput{Bucket: aws.String(states)})
	if err != nil || versions.Status != "Enabled" {
		t.Errorf("versions of states: %v %v", versions.Status, err)
	}
	timed(t, "destroy", func() error { return w.Destroy(t.Context()) })
}
