package terraform

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/eventlake/lake/assemble/cloud"
	"github.com/eventlake/lake/aws/cloudwatch"
	"github.com/eventlake/lake/laketest/awslocal"
	"github.com/eventlake/lake/laketest/terraform"
)

// awsMetrics are the metrics of AWS that may be named, by namespace and by the
// dimensions that the services' developer guides give them.
func awsMetrics() map[string]map[string][]string {
	return map[string]map[string][]string{
		"AWS/Lambda":     {"FunctionName": {"Invocations", "Errors", "Throttles", "Duration", "IteratorAge"}},
		"AWS/ApiGateway": {"ApiId": {"4xx", "5xx", "Count", "Latency"}}, // of HTTP APIs
		"AWS/Kinesis": {"StreamName": {"IncomingRecords", "IncomingBytes", "WriteProvisionedThroughputExceeded", "ReadProvisionedThroughputExceeded",
			"GetRecords.IteratorAgeMilliseconds", "GetRecords.Records"}},
		"AWS/ECS":               {"ClusterName,ServiceName": {"CPUUtilization", "MemoryUtilization"}},
		"ECS/ContainerInsights": {"ClusterName,ServiceName": {"RunningTaskCount", "DesiredTaskCount"}},
		"AWS/DynamoDB":          {"TableName": {"ConsumedWriteCapacityUnits", "ConsumedReadCapacityUnits", "WriteThrottleEvents", "ReadThrottleEvents"}},
		"AWS/Firehose": {"DeliveryStreamName": {"IncomingRecords", "IncomingBytes", "DeliveryToS3.Bytes", "DeliveryToS3.DataFreshness", "DeliveryToS3.Success",
			"PartitionCountExceeded", "ThrottledRecords"}},
		"AWS/S3":     {"BucketName,StorageType": {"BucketSizeBytes", "NumberOfObjects"}},
		"AWS/SQS":    {"QueueName": {"ApproximateNumberOfMessagesVisible", "ApproximateAgeOfOldestMessage"}},
		"AWS/Athena": {"WorkGroup": {"ProcessedBytes", "TotalExecutionTime", "QueryQueueTime"}},
	}
}

// metric is one that an alarm or a graph reads.
type metric struct {
	Namespace  string            `json:"namespace"`
	Name       string            `json:"metric_name"`
	Dimensions map[string]string `json:"dimensions"`
}

// alarm is an alarm as it is planned.
type alarm struct {
	metric
	Alarm   string `json:"alarm_name"`
	Queries []struct {
		ID         string   `json:"id"`
		Expression string   `json:"expression"`
		Returned   bool     `json:"return_data"`
		Metric     []metric `json:"metric"`
	} `json:"metric_query"`
}

// mocked is one run of tests/monitoring: every resource, by its type.
type mocked map[string][]terraform.Resource

// each reads the resources of a type, one after the other.
func each[T any](t *testing.T, p mocked, kind string) (out []T) {
	t.Helper()
	for _, r := range p[kind] {
		var v T
		if err := json.Unmarshal(r.Values, &v); err != nil {
			t.Fatalf("%s: %v", kind, err)
		}
		out = append(out, v)
	}
	return out
}

// plans runs tests/monitoring, in which every call of the provider is mocked.
func plans(t *testing.T) map[string]mocked {
	t.Helper()
	w := terraform.Open(t, ".", nil)
	out, err := w.Run(t.Context(), "test", "-json", "-verbose", "-test-directory=tests/monitoring")
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]mocked{}
	for line := range strings.Lines(out) {
		var said struct {
			Run  string `json:"@testrun"`
			Plan *struct {
				Resources []struct {
					terraform.Resource
					Change struct {
						After json.RawMessage `json:"after"`
					} `json:"change"`
				} `json:"resource_changes"`
			} `json:"test_plan"`
		}
		if json.Unmarshal([]byte(line), &said) != nil || said.Plan == nil {
			continue // words of Terraform's
		}
		p := mocked{}
		for _, r := range said.Plan.Resources {
			if r.Mode == "managed" {
				r.Values = r.Change.After
				p[r.Type] = append(p[r.Type], r.Resource)
			}
		}
		all[said.Run] = p
	}
	return all
}

// watched is what of a plan metrics can be about.
type watched struct {
	names   map[string]bool            // of whatever dimensions name
	filters map[string]bool            // metrics that are made of lines of logs, namespace and name
	emitted map[string]map[string]bool // metrics that a function writes, by its name
	env     string
}

// watch collects what is planned and emitted.
func watch(t *testing.T, p mocked, emitted map[string]map[string]bool) watched {
	t.Helper()
	w := watched{names: map[string]bool{}, filters: map[string]bool{}, emitted: map[string]map[string]bool{}}
	named := map[string]string{
		"aws_lambda_function": "function_name", "aws_kinesis_stream": "name", "aws_dynamodb_table": "name", "aws_sqs_queue": "name",
		"aws_kinesis_firehose_delivery_stream": "name", "aws_s3_bucket": "bucket", "aws_athena_workgroup": "name", "aws_ecs_cluster": "name",
		"aws_ecs_service": "name", "aws_apigatewayv2_api": "id",
	}
	for kind, attribute := range named {
		for _, r := range each[map[string]any](t, p, kind) {
			name, _ := r[attribute].(string)
			if name == "" {
				t.Errorf("a planned %s has no %s", kind, attribute)
			}
			w.names[name] = true
			if kind == "aws_lambda_function" {
				w.emitted[name] = emitted[name[strings.LastIndex(name, "-")+1:]]
			}
		}
	}
	type function struct {
		Environment []struct {
			Variables map[string]string `json:"variables"`
		} `json:"environment"`
	}
	for _, f := range each[function](t, p, "aws_lambda_function") {
		w.env = f.Environment[0].Variables["LAKE_AWS_ENVIRONMENT"]
	}
	groups := map[string]bool{}
	for _, g := range each[struct{ Name string }](t, p, "aws_cloudwatch_log_group") {
		groups[g.Name] = true
	}
	type filter struct {
		Group  string `json:"log_group_name"`
		Metric []struct {
			Name, Namespace string
			Dimensions      map[string]string
		} `json:"metric_transformation"`
	}
	for _, f := range each[filter](t, p, "aws_cloudwatch_log_metric_filter") {
		if !groups[f.Group] || len(f.Metric) != 1 || len(f.Metric[0].Dimensions) > 0 {
			t.Errorf("filter %+v: its log is not planned, or its metric has dimensions", f)
			continue
		}
		w.filters[f.Metric[0].Namespace+" "+f.Metric[0].Name] = true
	}
	for _, c := range each[struct {
		Setting []struct{ Name, Value string }
	}](t, p, "aws_ecs_cluster") {
		if !slices.ContainsFunc(c.Setting, func(s struct{ Name, Value string }) bool {
			return s.Name == "containerInsights" && s.Value == "enabled"
		}) {
			t.Error("the cluster has no Container Insights, which an alarm reads")
		}
	}
	return w
}

// exists says why nobody writes a metric, "" when somebody does.
func (w watched) exists(m metric) string {
	dimensions := slices.Sorted(maps.Keys(m.Dimensions))
	switch {
	case m.Namespace == "Eventlake/Errors":
		if len(dimensions) > 0 || !w.filters[m.Namespace+" "+m.Name] {
			return "no filter of a log makes it"
		}
		return ""
	case m.Namespace == cloud.Namespace:
		f := m.Dimensions["Function"]
		if !slices.Equal(dimensions, []string{"Env", "Function"}) || m.Dimensions["Env"] != w.env || !w.emitted[f][m.Name] {
			return "no function writes it with these dimensions"
		}
		return ""
	}
	if !slices.Contains(awsMetrics()[m.Namespace][strings.Join(dimensions, ",")], m.Name) {
		return "AWS has no such metric with these dimensions"
	}
	for name, value := range m.Dimensions {
		if name != "StorageType" && !w.names[value] {
			return fmt.Sprintf("nothing is planned that is called %q", value)
		}
	}
	return ""
}

var (
	metricID   = regexp.MustCompile(`^[a-z][a-zA-Z0-9_]*$`)
	mathWord   = regexp.MustCompile(`[A-Za-z_][A-Za-z0-9_]*`)
	mathQuoted = regexp.MustCompile(`'[^']*'|"[^"]*"`)
)

// unknown lists the words of an expression that are neither functions of metric
// math nor ids.
func unknown(expression string, ids map[string]bool) (words []string) {
	functions := []string{"IF", "FILL", "AND", "OR", "SUM", "MAX", "MIN", "AVG", "ABS", "RATE", "DIFF", "REPEAT", "LINEAR", "PERIOD"}
	for _, word := range mathWord.FindAllString(mathQuoted.ReplaceAllString(expression, ""), -1) {
		if !ids[word] && !slices.Contains(functions, word) {
			words = append(words, word)
		}
	}
	return words
}

// check holds an alarm against what is there.
func (a alarm) check(t *testing.T, w watched) {
	t.Helper()
	if len(a.Queries) == 0 {
		if why := w.exists(a.metric); why != "" {
			t.Errorf("%s waits for %+v: %s", a.Alarm, a.metric, why)
		}
		return
	}
	ids, used, returned := map[string]bool{}, map[string]bool{}, 0
	for _, q := range a.Queries {
		if !metricID.MatchString(q.ID) || ids[q.ID] || (q.Expression == "") != (len(q.Metric) == 1) {
			t.Errorf("%s: %+v is no query, or another has its id", a.Alarm, q)
		}
		ids[q.ID] = true
		if q.Returned {
			returned++
			used[q.ID] = true
		}
		for _, m := range q.Metric {
			if why := w.exists(m); why != "" {
				t.Errorf("%s computes with %+v: %s", a.Alarm, m, why)
			}
		}
	}
	for _, q := range a.Queries {
		if words := unknown(q.Expression, ids); len(words) > 0 {
			t.Errorf("%s: %s names %v, which nothing is called", a.Alarm, q.Expression, words)
		}
		for _, word := range mathWord.FindAllString(q.Expression, -1) {
			used[word] = true
		}
	}
	for id := range ids {
		if !used[id] {
			t.Errorf("%s computes nothing with %s", a.Alarm, id)
		}
	}
	if returned != 1 {
		t.Errorf("%s returns %d of its queries; an alarm takes one", a.Alarm, returned)
	}
}

// graphs are the metrics of a dashboard; search is what its expressions look for.
func graphs(t *testing.T, body string) (all []metric, search []string) {
	t.Helper()
	var dashboard struct {
		Widgets []struct {
			Properties struct{ Metrics [][]any }
		}
	}
	if err := json.Unmarshal([]byte(body), &dashboard); err != nil {
		t.Fatalf("dashboard %q: %v", body, err)
	}
	for _, widget := range dashboard.Widgets {
		for _, line := range widget.Properties.Metrics {
			if options, ok := line[len(line)-1].(map[string]any); ok {
				if e, ok := options["expression"].(string); ok {
					search = append(search, e)
					continue
				}
				line = line[:len(line)-1]
			}
			var words []string
			for _, word := range line {
				s, ok := word.(string)
				if !ok {
					t.Fatalf("a graph of %v", line)
				}
				words = append(words, s)
			}
			if len(words) < 2 || len(words)%2 != 0 {
				t.Fatalf("a graph of %q", words)
			}
			m := metric{Namespace: words[0], Name: words[1], Dimensions: map[string]string{}}
			for i := 2; i < len(words); i += 2 {
				m.Dimensions[words[i]] = words[i+1]
			}
			all = append(all, m)
		}
	}
	return all, search
}

// emitted reads which metrics each function writes: what its program does with
// its cloudwatch.Metrics.
func emitted(t *testing.T) map[string]map[string]bool {
	t.Helper()
	root, err := awslocal.Repository(".")
	if err != nil {
		t.Fatal(err)
	}
	read := func(path ...string) string {
		text, err := os.ReadFile(filepath.Join(append([]string{root}, path...)...))
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	text := read("assemble", "cloud", "metrics.go") + read("assemble", "cloud", "tables", "metrics.go")
	bodies := map[string]string{}
	for part := range strings.SplitSeq(text, "\nfunc ") {
		if m := regexp.MustCompile(`^(?:\([^)]*\) )?(\w+)\(`).FindStringSubmatch(part); m != nil {
			bodies[m[1]] = part
		}
	}
	checked, err := cloudwatch.New(io.Discard, cloudwatch.Options{Namespace: cloud.Namespace, Dimensions: []cloudwatch.Dimension{{Name: "Env", Value: "e"}, {Name: "Function", Value: "f"}}})
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]map[string]bool{}
	for _, part := range []string{"ingest", "curate", "replay", "audit"} {
		m := regexp.MustCompile(`\w+\.(\w+)\((?:c, )?metrics\)`).FindStringSubmatch(read("cmd", "lambda-"+part, "main.go"))
		if m == nil || bodies[m[1]] == "" {
			t.Fatalf("what lambda-%s writes is not found: %v", part, m)
		}
		out[part] = map[string]bool{}
		for _, call := range regexp.MustCompile(`m\.(?:Add|Set|Max)\("([^"]+)", cloudwatch\.(\w+),`).FindAllStringSubmatch(bodies[m[1]], -1) {
			checked.Add(call[1], cloudwatch.Unit(call[2]), 1)
			out[part][call[1]] = true
		}
		if err := checked.Flush(); err != nil || len(out[part]) < 3 {
			t.Errorf("lambda-%s writes %v: %v", part, out[part], err)
		}
	}
	return out
}

// TestAlarmsAndGraphsReadMetricsThatExist: one that is misspelt is silent for
// ever.
func TestAlarmsAndGraphsReadMetricsThatExist(t *testing.T) {
	t.Parallel()
	written, runs := emitted(t), plans(t)
	if len(runs) != 5 {
		t.Fatalf("plans of %v", slices.Collect(maps.Keys(runs)))
	}
	for name, p := range runs {
		t.Run(name, func(t *testing.T) {
			w := watch(t, p, written)
			alarms := each[alarm](t, p, "aws_cloudwatch_metric_alarm")
			computed := 0
			for _, a := range alarms {
				a.check(t, w)
				computed += min(1, len(a.Queries))
			}
			if ingests := name != "without_a_transform_and_a_front"; len(alarms) < 5 || ingests && computed == 0 {
				t.Errorf("%d alarms, %d by metric math", len(alarms), computed)
			}
			drawn := 0
			for _, d := range each[struct {
				Body string `json:"dashboard_body"`
			}](t, p, "aws_cloudwatch_dashboard") {
				all, search := graphs(t, d.Body)
				for _, m := range all {
					drawn++
					if why := w.exists(m); why != "" {
						t.Errorf("a graph of %+v: %s", m, why)
					}
				}
				for _, e := range search {
					if !strings.HasPrefix(e, `SEARCH('{`+cloud.Namespace+`,Env,Function} Env="`+w.env+`"`) {
						t.Errorf("a graph searches by %s", e)
					}
				}
			}
			if drawn < 10 {
				t.Errorf("%d graphs", drawn)
			}
		})
	}
}

// TestMisspeltMetricsAreNoticed by the checks above.
func TestMisspeltMetricsAreNoticed(t *testing.T) {
	t.Parallel()
	w := watched{
		names: map[string]bool{"lake": true}, filters: map[string]bool{"Eventlake/Errors lake-gap": true},
		emitted: map[string]map[string]bool{"lake-audit": {"Gap": true}}, env: "test",
	}
	own := map[string]string{"Env": "test", "Function": "lake-audit"}
	for _, test := range []struct {
		m  metric
		ok bool
	}{
		{metric{"AWS/Kinesis", "IncomingRecords", map[string]string{"StreamName": "lake"}}, true},
		{metric{"AWS/Kinesis", "IncomingRecord", map[string]string{"StreamName": "lake"}}, false},
		{metric{"AWS/Kinesis", "IncomingRecords", map[string]string{"StreamName": "sea"}}, false},
		{metric{"AWS/Kinesis", "IncomingRecords", map[string]string{"Stream": "lake"}}, false},
		{metric{"AWS/Kinesis", "IncomingRecords", nil}, false},
		{metric{"Eventlake", "Gap", own}, true},
		{metric{"Eventlake", "Gaps", own}, false},
		{metric{"Eventlake", "Gap", map[string]string{"Env": "prod", "Function": "lake-audit"}}, false},
		{metric{"Eventlake", "Gap", map[string]string{"Function": "lake-audit"}}, false},
		{metric{"Eventlake/Errors", "lake-gap", nil}, true},
		{metric{"Eventlake/Errors", "gap", nil}, false},
	} {
		if why := w.exists(test.m); (why == "") != test.ok {
			t.Errorf("%+v: %q", test.m, why)
		}
	}
	ids := map[string]bool{"come": true, "read": true}
	if words := unknown("IF(FILL(come, 0) > 0 AND FILL(read, 0) == 0, come, 0)", ids); len(words) > 0 {
		t.Errorf("%v", words)
	}
	for _, e := range []string{"IF(FILL(came, 0) > 0, come, 0)", "FIL(come, 0)", "m1 / come"} {
		if words := unknown(e, ids); len(words) != 1 {
			t.Errorf("%s: %v", e, words)
		}
	}
}
