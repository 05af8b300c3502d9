package terraform

import (
	"context"
	"io"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	sdk "github.com/aws/aws-sdk-go-v2/service/firehose"
	"github.com/aws/aws-sdk-go-v2/service/firehose/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/eventlake/lake/aws/firehose"
	"github.com/eventlake/lake/laketest/awslocal"
	delivery "github.com/eventlake/lake/laketest/awslocal/firehose"
	"github.com/eventlake/lake/laketest/terraform"
)

// TestTheConfigurationIsFormattedAndValid runs Terraform's own checks.
func TestTheConfigurationIsFormattedAndValid(t *testing.T) {
	t.Parallel()
	for _, below := range []string{".", "state"} {
		w := terraform.Open(t, below, nil)
		if out, err := w.Run(t.Context(), "validate"); err != nil {
			t.Errorf("%s: %s%v", below, out, err)
		}
		if out, err := w.Run(t.Context(), "fmt", "-check", "-recursive", "-diff"); err != nil {
			t.Errorf("%s is not formatted (run terraform fmt -recursive deploy/terraform):\n%s", below, out)
		}
	}
}

// TestSizesPlanWhatTheyShould runs deploy/terraform/tests, in which every call of
// the provider is mocked.
func TestSizesPlanWhatTheyShould(t *testing.T) {
	t.Parallel()
	w := terraform.Open(t, ".", nil)
	out, err := w.Run(t.Context(), "test")
	if err != nil {
		t.Error(err)
	}
	t.Log(out[strings.LastIndex(strings.TrimSpace(out), "\n")+1:])
}

// modules reads the text of every module.
func modules(t *testing.T) map[string]string {
	t.Helper()
	root, err := awslocal.Repository(".")
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	dir := filepath.Join(root, "deploy", "terraform")
	err = filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() || filepath.Ext(path) != ".tf" {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		name, err := filepath.Rel(dir, path)
		out[name] = string(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// TestEveryVariableAndOutputIsDescribed: whoever deploys reads nothing else.
func TestEveryVariableAndOutputIsDescribed(t *testing.T) {
	t.Parallel()
	block := regexp.MustCompile(`(?ms)^(variable|output) "([^"]+)" \{\n(.*?)^\}`)
	n := 0
	for file, text := range modules(t) {
		for _, m := range block.FindAllStringSubmatch(text, -1) {
			n++
			if d := regexp.MustCompile(`(?m)^  description = "(.*)"$`).FindStringSubmatch(m[3]); d == nil || len(d[1]) < 10 || !strings.HasSuffix(d[1], ".") {
				t.Errorf("%s: %s %s is not described by a sentence", file, m[1], m[2])
			}
			if m[1] == "variable" && !regexp.MustCompile(`(?m)^  type +=`).MatchString(m[3]) {
				t.Errorf("%s: variable %s has no type", file, m[2])
			}
			unbound := []string{"bool", "map(string)"} // every value of these is one that can be meant
			kind := regexp.MustCompile(`(?m)^  type +=\s*(.+)$`).FindStringSubmatch(m[3])
			if file == "variables.tf" && m[1] == "variable" && m[2] != "network" && !slices.Contains(unbound, kind[1]) && !strings.Contains(m[3], "validation {") {
				t.Errorf("%s: variable %s is not validated", file, m[2])
			}
		}
	}
	if n < 100 {
		t.Errorf("found only %d variables and outputs; has this test gone blind?", n)
	}
}

// TestEnvironmentsDifferInValuesOnly: the same modules make all of them.
func TestEnvironmentsDifferInValuesOnly(t *testing.T) {
	t.Parallel()
	root, err := awslocal.Repository(".")
	if err != nil {
		t.Fatal(err)
	}
	known := map[string]bool{}
	for _, m := range regexp.MustCompile(`(?m)^variable "([^"]+)"`).FindAllStringSubmatch(modules(t)["variables.tf"], -1) {
		known[m[1]] = true
	}
	for _, environment := range []string{"dev", "staging", "prod"} {
		dir := filepath.Join(root, "deploy", "terraform", "envs", environment)
		entries, err := os.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		var files []string
		for _, e := range entries {
			files = append(files, e.Name())
		}
		if !slices.Equal(files, []string{"backend.hcl", "lake.tfvars"}) {
			t.Errorf("envs/%s has %v", environment, files)
		}
		values, err := os.ReadFile(filepath.Join(dir, "lake.tfvars"))
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile(`(?m)^([a-z_]+)\s*=`).FindAllStringSubmatch(string(values), -1) {
			if !known[m[1]] {
				t.Errorf("envs/%s sets %s, which is no variable", environment, m[1])
			}
		}
		backend, err := os.ReadFile(filepath.Join(dir, "backend.hcl"))
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range []string{`"lake/` + environment + `.tfstate"`, "use_lockfile = true", "encrypt      = true"} {
			if !strings.Contains(string(backend), want) {
				t.Errorf("envs/%s/backend.hcl lacks %s", environment, want)
			}
		}
	}
}

// TestFirehoseIsToldWhatTheSinkExpects: module delivery repeats what package
// aws/firehose says.
func TestFirehoseIsToldWhatTheSinkExpects(t *testing.T) {
	t.Parallel()
	text := modules(t)["modules/delivery/main.tf"]
	for name, want := range map[string]string{"lines_query": firehose.JQ, "prefix": firehose.Prefix, "errors": firehose.ErrorPrefix, "extension": firehose.FileExtension} {
		m := regexp.MustCompile(`(?m)^  ` + name + ` += "(.*)"$`).FindStringSubmatch(text)
		if m == nil || m[1] != want {
			t.Errorf("local.%s is %v, want %s", name, m, want)
		}
	}
	if !strings.Contains(text, `parameter_value = "`+firehose.SubRecordType+`"`) {
		t.Errorf("records are not taken apart as %s", firehose.SubRecordType)
	}
}

// TestTheLogLinesThatAlarmsWaitForExist: alarms read the Lambdas' logs.
func TestTheLogLinesThatAlarmsWaitForExist(t *testing.T) {
	t.Parallel()
	root, err := awslocal.Repository(".")
	if err != nil {
		t.Fatal(err)
	}
	handler, err := os.ReadFile(filepath.Join(root, "lambda", "audit", "handler.go"))
	if err != nil {
		t.Fatal(err)
	}
	m := regexp.MustCompile(`\$\.msg = \\"([^"\\]+)\\"`).FindStringSubmatch(modules(t)["modules/audit/main.tf"])
	if m == nil || !strings.Contains(string(handler), `.Error("`+m[1]+`"`) {
		t.Errorf("the alarm on the books waits for %q, which lambda-audit never logs", m)
	}
	metrics, err := os.ReadFile(filepath.Join(root, "assemble", "cloud", "tables", "metrics.go"))
	if err != nil {
		t.Fatal(err)
	}
	unseen := regexp.MustCompile(`(?s)"unseen" \{.*?metric_name +=\s*"(\w+)"`).FindStringSubmatch(modules(t)["modules/monitoring/main.tf"])
	_, audits, _ := strings.Cut(string(metrics), "func Audits(")
	if unseen == nil || !strings.Contains(audits, `m.Set("`+unseen[1]+`"`) {
		t.Errorf("the alarm on audits that do not end waits for the metric %q, which lambda-audit does not write", unseen)
	}
}

// TestWithoutATransformEventsAreFiledByTypeAndDay gives events as producers send
// them to the delivery stream that is planned for transform = "none".
func TestWithoutATransformEventsAreFiledByTypeAndDay(t *testing.T) {
	t.Parallel()
	w := terraform.Open(t, ".", awslocal.Moto(t))
	w.Set("environment=test", "size=small", "transform=none")
	plan, err := w.Plan(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var cfg *delivery.Config
	for r := range plan.All("aws_kinesis_firehose_delivery_stream") {
		cfg = planned(t, r)
	}
	if cfg == nil {
		t.Fatal("no delivery stream")
	}
	bucket := &kept{}
	cfg.Name, cfg.Bucket = "lake-test", "bucket"
	stream, err := delivery.NewStream(bucket, *cfg)
	if err != nil {
		t.Fatal(err)
	}
	server, err := awslocal.Serve(delivery.NewServer(stream))
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := server.Stop(); err != nil {
			t.Error(err)
		}
	}()
	cases := map[string]string{
		`{"event_name":"account:opened","created_at":"2026-11-01T23:59:59Z"}`:       "event_type=account/event_subtype=opened/year=2026/month=11/day=01",
		`{"event_name":"lesson","created_at":1772323200}`:                           "event_type=lesson/event_subtype=none/year=2026/month=03/day=01",
		`{"event_name":"lesson:started","created_at":1772323200123}`:                "event_type=lesson/event_subtype=started/year=2026/month=03/day=01",
		`{"event_name":"lesson:ended","created_at":1772323200123456}`:               "event_type=lesson/event_subtype=ended/year=2026/month=03/day=01",
		`{"event_name":"lesson:paused","created_at":1772323200123456789}`:           "event_type=lesson/event_subtype=paused/year=2026/month=03/day=01",
		`{"event_name":"../Pay/ment:A B","created_at":"2026-01-02T03:04:05.6Z"}`:    "event_type=___pay_ment/event_subtype=a_b/year=2026/month=01/day=02",
		`{"event_name":":x","created_at":"2026-01-03T00:00:00Z","payload":{"a":1}}`: "event_type=other/event_subtype=x/year=2026/month=01/day=03",
		// What is no date is no path and no partition of its own.
		`{"event_name":"time:path","created_at":"../../x"}`:                 "event_type=time/event_subtype=path/year=1970/month=01/day=01",
		`{"event_name":"time:text","created_at":"yesterday"}`:               "event_type=time/event_subtype=text/year=1970/month=01/day=01",
		`{"event_name":"time:month","created_at":"2026-13-01T00:00:00Z"}`:   "event_type=time/event_subtype=month/year=1970/month=01/day=01",
		`{"event_name":"time:day","created_at":"2026-12-011"}`:              "event_type=time/event_subtype=day/year=1970/month=01/day=01",
		`{"event_name":"time:lines","created_at":"x\n2026-12-01"}`:          "event_type=time/event_subtype=lines/year=1970/month=01/day=01",
		`{"event_name":"time:none"}`:                                        "event_type=time/event_subtype=none/year=1970/month=01/day=01",
		`{"event_name":"time:null","created_at":null}`:                      "event_type=time/event_subtype=null/year=1970/month=01/day=01",
		`{"event_name":"time:object","created_at":{"a":["2026-01-01"]}}`:    "event_type=time/event_subtype=object/year=1970/month=01/day=01",
		`{"event_name":"time:large","created_at":1e30}`:                     "event_type=time/event_subtype=large/year=1970/month=01/day=01",
		`{"event_name":"time:before","created_at":-1e15}`:                   "event_type=time/event_subtype=before/year=1970/month=01/day=01",
		`{"event_name":"time:date","created_at":"2026-12-01"}`:              "event_type=time/event_subtype=date/year=2026/month=12/day=01",
		`{"event_name":"time:space","created_at":"2026-12-02 10:00:00+00"}`: "event_type=time/event_subtype=space/year=2026/month=12/day=02",
	}
	client := sdk.NewFromConfig(server.Config())
	for line := range maps.Keys(cases) {
		name := cfg.Name
		if _, err := client.PutRecordBatch(t.Context(), &sdk.PutRecordBatchInput{DeliveryStreamName: &name, Records: []types.Record{{Data: []byte(line)}}}); err != nil {
			t.Fatal(err)
		}
	}
	if err := stream.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	want := map[string]bool{}
	for _, dir := range cases {
		want["raw/"+dir+"/"] = true
	}
	got := map[string]bool{}
	for _, key := range bucket.keys {
		got[key[:strings.LastIndex(key, "/")+1]] = true
	}
	if !maps.Equal(got, want) {
		t.Errorf("objects lie in\n%s\nwant\n%s", strings.Join(slices.Sorted(maps.Keys(got)), "\n"), strings.Join(slices.Sorted(maps.Keys(want)), "\n"))
	}
}

// kept is a bucket that remembers keys.
type kept struct {
	mu   sync.Mutex
	keys []string
}

func (k *kept) PutObject(_ context.Context, in *s3.PutObjectInput, _ ...func(*s3.Options)) (*s3.PutObjectOutput, error) {
	if _, err := io.Copy(io.Discard, in.Body); err != nil {
		return nil, err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.keys = append(k.keys, *in.Key)
	return &s3.PutObjectOutput{}, nil
}
