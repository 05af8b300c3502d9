package terraform

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdkdynamodb "github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	sdkkinesis "github.com/aws/aws-sdk-go-v2/service/kinesis"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/aws/dynamodb"
	objects "github.com/eventlake/lake/aws/s3"
	"github.com/eventlake/lake/laketest/awslocal"
	"github.com/eventlake/lake/laketest/iam"
	"github.com/eventlake/lake/laketest/terraform"
)

// TestWorkersMayDoWhatTheyDo makes a large lake on an emulated cloud, has a
// worker run with the variables of the task that was made, and compares every
// call of it with what the task's role may do.
func TestWorkersMayDoWhatTheyDo(t *testing.T) {
	t.Parallel()
	moto, stream := awslocal.Moto(t), awslocal.Kinesalite(t, awslocal.KinesaliteOptions{})
	w := terraform.Open(t, ".", moto)
	w.Set("environment=test", "size=large", "shards=2", `worker={image="123456789012.dkr.ecr.us-east-1.amazonaws.com/lake:1"}`,
		"emulated=true", "protect=false", "config_file=tests/lake.yaml")
	timed(t, "apply", func() error { return w.Apply(t.Context()) })
	made, err := w.State(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	f := &fleet{t: t, moto: moto, stream: stream, names: awslocal.NamesOf("lake", "test")}
	f.calls = &recorder{stream: f.names.Stream, calls: map[call]int{}}
	f.work(f.task(made))
	all, err := policies(made)
	if err != nil {
		t.Fatal(err)
	}
	f.calls.hold(t, map[string]iam.Policy{"worker": all["worker"]}, seldomOfWorkers())
	timed(t, "destroy", func() error { return w.Destroy(t.Context()) })
	nothingIsLeft(t, moto)
}

// seldomOfWorkers are calls that a short run of a worker does not make.
func seldomOfWorkers() []rare {
	return []rare{
		{"worker", "s3:AbortMultipartUpload", "", "an upload in parts fails"},
		{"worker", "s3:GetObject", "/raw/", "an object of that name is there already"},
		{"worker", "s3:GetObject", "/quarantine/", "an object of that name is there already"},
		{"worker", "kinesis:DescribeStreamSummary", "", "a shard was at rest for as long as it keeps records"},
	}
}

// fleet is a large lake whose worker runs here.
type fleet struct {
	t            *testing.T
	moto, stream *awslocal.Endpoint // stream is Kinesis, which moto does not do
	names        awslocal.Names
	calls        *recorder
}

// task is the environment of the worker's container.
func (f *fleet) task(made terraform.Values) map[string]string {
	f.t.Helper()
	env := map[string]string{}
	for r := range made.All("aws_ecs_task_definition") {
		var d struct {
			Containers string `json:"container_definitions"`
		}
		var containers []struct {
			Command     []string
			Environment []struct{ Name, Value string }
		}
		if err := errors.Join(json.Unmarshal(r.Values, &d), json.Unmarshal([]byte(d.Containers), &containers)); err != nil {
			f.t.Fatal(err)
		}
		if len(containers) != 1 || fmt.Sprint(containers[0].Command) != "[worker]" {
			f.t.Fatalf("containers of a task: %s", d.Containers)
		}
		for _, v := range containers[0].Environment {
			env[v.Name] = v.Value
		}
	}
	for key, want := range map[string]string{"STREAM": f.names.Stream, "BUCKET": f.names.Bucket, "LEDGER": f.names.Ledger, "LEASES": f.names.Leases, "CLAIMS": ""} {
		if got, ok := env["LAKE_AWS_"+key]; !ok || got != want {
			f.t.Errorf("LAKE_AWS_%s of a worker is %q, want %q", key, got, want)
		}
	}
	return env
}

// work lets a worker do everything that it can be brought to: take shards, also
// the children of one that is split, commit files, fold the ledger's log, some of
// which lies in the bucket, and give its shards back.
func (f *fleet) work(deployed map[string]string) {
	t := f.t
	client := sdkkinesis.NewFromConfig(f.stream.Config())
	topic, err := awslocal.CreateStream(t.Context(), client, f.names.Stream, 1)
	if err != nil {
		t.Fatal(err)
	}
	f.past("shardId-000000000000")
	f.goneShard()

	worker := f.start(deployed)
	f.send(client, "a", 20)
	f.counted(20)
	if err := topic.Split(t.Context(), "shardId-000000000000"); err != nil {
		t.Fatal(err)
	}
	f.send(client, "b", 20)
	f.counted(40)
	if err := worker.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := worker.Wait(); err != nil {
		t.Errorf("the worker ends with %v", err)
	}
}

// ledger is the lake's, as this process sees it.
func (f *fleet) ledger() *dynamodb.Ledger {
	f.t.Helper()
	store, err := objects.New(objects.NewClient(f.moto.Config()), objects.Options{Bucket: f.names.Bucket})
	if err != nil {
		f.t.Fatal(err)
	}
	return dynamodb.New(dynamodb.NewClient(f.moto.Config(), 8), dynamodb.Options{Claims: f.names.Claims, Ledger: f.names.Ledger, Store: store})
}

// past makes so many commits of a shard that the worker's first one folds them.
// One of them names more files than an item holds, and has books that are old.
func (f *fleet) past(shard lake.ShardID) {
	f.t.Helper()
	ledger, old := f.ledger(), lake.SystemClock().Add(-10*24*time.Hour).Hour()
	large := lake.Commit{Shard: shard, Books: []lake.Tally{{Book: lake.Book{Source: lake.DefaultSource, Type: "old", Hour: old}, Unique: 1000}}}
	for i := range 3000 {
		p := lake.Partition{Name: lake.Name{Type: "old", Subtype: fmt.Sprint("s", i%50)}, Day: 20_000}
		large.Add = append(large.Add, lake.File{
			Key: lake.Key(fmt.Sprintf("raw/%s/%d-%08x.ndjson.gz", p.Dir(), i, uint32(i)*2654435761)), Kind: lake.KindRaw, Partition: p, Shard: shard,
			Events: int64(i), Bytes: int64(i) * 7919 % 100_003, CRC: uint32(i) * 2246822519,
		})
	}
	if err := ledger.Commit(f.t.Context(), large); err != nil {
		f.t.Fatal(err)
	}
	const checkpoint = 128 // dynamodb.Options.Checkpoint
	for i := 1; i < checkpoint-1; i++ {
		err := ledger.Commit(f.t.Context(), lake.Commit{Shard: shard, Types: []lake.Name{{Type: "old", Subtype: fmt.Sprint("s", i)}}})
		if err != nil {
			f.t.Fatal(err)
		}
	}
}

// goneShard leaves the lease of a shard that the stream no longer has.
func (f *fleet) goneShard() {
	f.t.Helper()
	text := func(s string) types.AttributeValue { return &types.AttributeValueMemberS{Value: s} }
	_, err := sdkdynamodb.NewFromConfig(f.moto.Config()).PutItem(f.t.Context(), &sdkdynamodb.PutItemInput{
		TableName: &f.names.Leases, Item: map[string]types.AttributeValue{
			"stream": text(f.names.Stream), "shard": text("shardId-000000000099"), "counter": &types.AttributeValueMemberN{Value: "7"},
			"done": &types.AttributeValueMemberBOOL{Value: true},
		},
	})
	if err != nil {
		f.t.Fatal(err)
	}
}

// start runs a worker with nothing but what was deployed, and the way to this
// machine.
func (f *fleet) start(deployed map[string]string) *exec.Cmd {
	t := f.t
	t.Helper()
	env := maps.Clone(deployed)
	maps.Copy(env, map[string]string{
		"LAKE_INGEST_FLUSH_AGE":     "200ms",
		"AWS_ENDPOINT_URL":          f.calls.front(t, f.moto).URL,
		"AWS_ENDPOINT_URL_KINESIS":  f.calls.front(t, f.stream).URL,
		"AWS_ACCESS_KEY_ID":         "worker", // by which the recorder tells who calls
		"AWS_SECRET_ACCESS_KEY":     "test",
		"AWS_REGION":                awslocal.Region,
		"AWS_EC2_METADATA_DISABLED": "true",
		"HOME":                      t.TempDir(),
		"TMPDIR":                    t.TempDir(),
	})
	var log lockedBuffer
	cmd := exec.Command(program(t), "worker")
	cmd.Dir, cmd.Stdout, cmd.Stderr = t.TempDir(), &log, &log
	for k, v := range env {
		cmd.Env = append(cmd.Env, k+"="+v)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if cmd.ProcessState == nil {
			_ = cmd.Process.Kill() // it may have ended by itself
			_ = cmd.Wait()
		}
		if t.Failed() {
			t.Logf("the worker said:\n%s", log.tail())
		}
	})
	return cmd
}

// program is the lake binary: LAKE_BIN, or one that is built for this test.
func program(t *testing.T) string {
	t.Helper()
	if path := os.Getenv("LAKE_BIN"); path != "" {
		path, err := filepath.Abs(path)
		if err != nil {
			t.Fatal(err)
		}
		return path
	}
	path := filepath.Join(t.TempDir(), "lake")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", path, "github.com/eventlake/lake/cmd/lake").CombinedOutput(); err != nil {
		t.Fatalf("build lake: %v\n%s", err, out)
	}
	return path
}

// send puts n sound events and a broken one into the stream.
func (f *fleet) send(client *sdkkinesis.Client, prefix string, n int) {
	f.t.Helper()
	lines := []string{"no event " + prefix}
	for i := range n - 1 {
		lines = append(lines, fmt.Sprintf(`{"event_uuid":"%s%d","event_name":"a:b","created_at":"2026-03-01T10:00:00Z"}`, prefix, i))
	}
	for i, line := range lines {
		_, err := client.PutRecord(f.t.Context(), &sdkkinesis.PutRecordInput{StreamName: &f.names.Stream, PartitionKey: aws.String(fmt.Sprint(i)), Data: []byte(line)})
		if err != nil {
			f.t.Fatal(err)
		}
	}
}

// counted waits until the books have so many events, as somebody reads them who
// has not seen them before: without those of old hours, which are forgotten.
func (f *fleet) counted(want int64) {
	f.t.Helper()
	var sum lake.Tally
	for begun := time.Now(); ; time.Sleep(100 * time.Millisecond) {
		journal, err := f.ledger().Journal(f.t.Context())
		if err != nil {
			f.t.Fatal(err)
		}
		sum = lake.Tally{}
		for _, b := range journal.Books() {
			sum.Add(b)
		}
		if sum.Total() == want {
			break
		}
		if time.Since(begun) > time.Minute {
			f.t.Fatalf("after a minute the books have %+v, want %d", sum, want)
		}
	}
	if sum.Quarantined != want/20 {
		f.t.Errorf("the books have %+v, want %d refused", sum, want/20)
	}
}
