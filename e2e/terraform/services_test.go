package terraform

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/eventlake/lake/laketest/iam"
)

// need is what a service of AWS has to be allowed for what is configured. It
// makes these calls itself, so no recorder sees them: the list is from the guide
// that is named with it.
type need struct {
	action string
	on     []string
	why    string
	when   string // a fact of the plan; "" is always
}

// The resources of the planned lakes, which are called lake-test.
const (
	theBucket  = "arn:aws:s3:::lake-test-123456789012-us-east-1"
	theStream  = "arn:aws:kinesis:us-east-1:123456789012:stream/lake-test"
	theKey     = "arn:aws:kms:us-east-1:123456789012:key/1"
	theLogs    = "arn:aws:logs:us-east-1:123456789012:log-group:"
	theCatalog = "arn:aws:glue:us-east-1:123456789012:"
)

// needs are the lists, by the service.
func needs() map[string][]need {
	objects, bucket, key := []string{theBucket + "/raw/*", theBucket + "/failed/firehose/*"}, []string{theBucket}, []string{theKey}
	stream, delivered := []string{theStream}, []string{theLogs + "/aws/kinesisfirehose/lake-test:*"}
	crawls, started := []string{theLogs + "/aws-glue/crawlers*"}, []string{theLogs + "/ecs/lake-test-worker:*"}
	tables := []string{theCatalog + "catalog", theCatalog + "database/lake_test_raw", theCatalog + "table/lake_test_raw/*"}
	image := []string{"arn:aws:ecr:us-east-1:123456789012:repository/lake"}
	return map[string][]need{
		// Amazon Data Firehose Developer Guide, "Grant Firehose access to an Amazon
		// S3 destination". PutObjectAcl is for buckets of other accounts, Lambda for
		// transforms by a function, Glue for other formats than the lines that came.
		"firehose": {
			{"s3:PutObject", objects, "objects of events, and of what could not be placed", ""},
			{"s3:AbortMultipartUpload", objects, "large objects are written in parts", ""},
			{"s3:GetObject", objects, "the guide asks for it with the two above", ""},
			{"s3:GetBucketLocation", bucket, "where the bucket is", ""},
			{"s3:ListBucket", bucket, "whether an object is there", ""},
			{"s3:ListBucketMultipartUploads", bucket, "uploads that were not completed", ""},
			{"kms:GenerateDataKey", key, "objects are encrypted", "firehose encrypts"},
			{"kms:Decrypt", key, "parts of an upload and the stream's records are encrypted", "firehose encrypts"},
			{"logs:PutLogEvents", delivered, "what could not be delivered", "firehose logs"},
			{"kinesis:DescribeStream", stream, "which state the stream is in", "firehose reads the stream"},
			{"kinesis:ListShards", stream, "which shards there are to be read", "firehose reads the stream"},
			{"kinesis:GetShardIterator", stream, "where a shard is read from", "firehose reads the stream"},
			{"kinesis:GetRecords", stream, "the records", "firehose reads the stream"},
		},
		// AWS Glue Developer Guide, "Crawler prerequisites": the managed policy
		// AWSGlueServiceRole or less than that, GetObject on what is crawled, and
		// Decrypt for its key. Of that policy are not here: all of EC2 (connections
		// into networks), of IAM and of the buckets aws-glue-* (jobs), metrics (jobs),
		// and all of Glue that is not about databases, tables and partitions.
		"glue": {
			{"s3:GetObject", objects[:1], "it reads an object of each folder", ""},
			{"s3:ListBucket", bucket, "it looks for folders", ""},
			{"s3:GetBucketLocation", bucket, "where the bucket is", ""},
			{"kms:Decrypt", key, "objects are encrypted", ""},
			{"glue:GetDatabase", tables, "whether the database is there", ""},
			{"glue:GetTables", tables, "which tables it has made", ""},
			{"glue:GetTable", tables, "what a table was like", ""},
			{"glue:CreateTable", tables, "a new subtype", ""},
			{"glue:UpdateTable", tables, "new columns (UPDATE_IN_DATABASE)", "the crawler updates"},
			{"glue:GetPartitions", tables, "which days a table has", ""},
			{"glue:GetPartition", tables, "one of them", ""},
			{"glue:BatchGetPartition", tables, "many of them", ""},
			{"glue:CreatePartition", tables, "a new day", ""},
			{"glue:BatchCreatePartition", tables, "many of them", ""},
			{"glue:UpdatePartition", tables, "a day's columns are those of its table (InheritFromTable)", ""},
			{"glue:BatchUpdatePartition", tables, "of many of them", ""},
			{"glue:DeleteTable", tables, "a subtype that is gone (DELETE_FROM_DATABASE)", "the crawler deletes"},
			{"glue:BatchDeletePartition", tables, "days that are gone (DELETE_FROM_DATABASE)", "the crawler deletes"},
			{"glue:GetCrawler", []string{"*"}, "how it is configured", ""},
			{"glue:GetClassifier", []string{"*"}, "the classifier of lines", "the crawler has a classifier"},
			{"glue:GetSecurityConfiguration", []string{"*"}, "how its log is encrypted", "the crawler has a security configuration"},
			{"logs:AssociateKmsKey", crawls, "its log is encrypted", "the crawler has a security configuration"},
			{"logs:CreateLogGroup", crawls, "its log", ""},
			{"logs:CreateLogStream", crawls, "its log", ""},
			{"logs:PutLogEvents", crawls, "its log", ""},
		},
		// Amazon ECS Developer Guide, "Amazon ECS task execution IAM role":
		// AmazonECSTaskExecutionRolePolicy, of which all about ECR is for images that
		// lie there. Nothing is read from Secrets Manager or Systems Manager.
		"ecs": {
			{"logs:CreateLogStream", started, "a log of each task", "tasks log"},
			{"logs:PutLogEvents", started, "its lines", "tasks log"},
			{"ecr:GetAuthorizationToken", []string{"*"}, "the login", "the image is in ECR"},
			{"ecr:BatchCheckLayerAvailability", image, "the image's layers", "the image is in ECR"},
			{"ecr:GetDownloadUrlForLayer", image, "where they are", "the image is in ECR"},
			{"ecr:BatchGetImage", image, "its manifest", "the image is in ECR"},
		},
	}
}

// facts are what of a plan decides what services need.
func facts(t *testing.T, p mocked) map[string]bool {
	t.Helper()
	out := map[string]bool{}
	for _, f := range each[struct {
		Source []any `json:"kinesis_source_configuration"`
		S3     []struct {
			Key     string                   `json:"kms_key_arn"`
			Logging []struct{ Enabled bool } `json:"cloudwatch_logging_options"`
		} `json:"extended_s3_configuration"`
	}](t, p, "aws_kinesis_firehose_delivery_stream") {
		out["firehose reads the stream"] = len(f.Source) > 0
		out["firehose encrypts"] = f.S3[0].Key == theKey
		out["firehose logs"] = len(f.S3[0].Logging) == 1 && f.S3[0].Logging[0].Enabled
	}
	for _, c := range each[struct {
		Classifiers []string
		Security    string `json:"security_configuration"`
		Policy      []struct {
			Update string `json:"update_behavior"`
			Delete string `json:"delete_behavior"`
		} `json:"schema_change_policy"`
	}](t, p, "aws_glue_crawler") {
		out["the crawler has a classifier"] = len(c.Classifiers) > 0
		out["the crawler has a security configuration"] = c.Security != ""
		out["the crawler updates"] = c.Policy[0].Update == "UPDATE_IN_DATABASE"
		out["the crawler deletes"] = c.Policy[0].Delete == "DELETE_FROM_DATABASE"
	}
	for _, d := range each[struct {
		Containers string `json:"container_definitions"`
	}](t, p, "aws_ecs_task_definition") {
		var containers []struct {
			Image string
			Log   struct {
				Driver string `json:"logDriver"`
			} `json:"logConfiguration"`
		}
		if err := json.Unmarshal([]byte(d.Containers), &containers); err != nil {
			t.Fatalf("containers %q: %v", d.Containers, err)
		}
		out["tasks log"] = containers[0].Log.Driver == "awslogs"
		out["the image is in ECR"] = strings.Contains(containers[0].Image, ".dkr.ecr.")
	}
	return out
}

// services reads what the roles of services may do. Roles of programs are compared
// with these elsewhere; any other is an error.
func services(t *testing.T, p mocked) map[string]iam.Policy {
	t.Helper()
	functions := map[string]bool{}
	for _, f := range p["aws_lambda_function"] {
		functions[f.Module()] = true
	}
	out := map[string]iam.Policy{}
	for _, r := range p["aws_iam_role_policy"] {
		var service string
		switch module := r.Module(); {
		case functions[module] || strings.HasPrefix(module, "module.worker[") && r.Name != "start":
			continue // a program's
		case strings.HasPrefix(module, "module.worker["):
			service = "ecs"
		case strings.HasPrefix(module, "module.delivery["):
			service = "firehose"
		case module == "module.catalog":
			service = "glue"
		default:
			t.Errorf("nobody says what %s is for", r.Address)
			continue
		}
		var v struct{ Policy string }
		if err := json.Unmarshal(r.Values, &v); err != nil {
			t.Fatal(err)
		}
		policy, err := iam.Parse([]byte(v.Policy))
		if err != nil {
			t.Fatalf("%s: %v", r.Address, err)
		}
		out[service] = append(out[service], policy...)
	}
	return out
}

// differ says what a policy grants that is not needed, and what it does not that
// is.
func differ(policy iam.Policy, needed []need, facts map[string]bool) (out []string) {
	missing := map[string]string{}
	for _, n := range needed {
		if n.when == "" || facts[n.when] {
			for _, on := range n.on {
				missing[n.action+" on "+on] = n.why
			}
		}
	}
	known := maps.Clone(missing)
	for _, st := range policy {
		for _, a := range st.Actions {
			for _, on := range st.Resources {
				what := a + " on " + on
				if delete(missing, what); known[what] == "" || st.Effect != "Allow" {
					out = append(out, fmt.Sprintf("%s: %s %s is not needed for what is configured", st.Sid, st.Effect, what))
				}
			}
		}
	}
	for _, what := range slices.Sorted(maps.Keys(missing)) {
		out = append(out, fmt.Sprintf("%s is needed, and not granted: %s", what, missing[what]))
	}
	return out
}

// TestRolesOfServicesMayDoWhatAWSDocuments compares, both ways, what Firehose,
// the crawler and the start of tasks may do with what AWS says that they need.
func TestRolesOfServicesMayDoWhatAWSDocuments(t *testing.T) {
	t.Parallel()
	seen, used := map[string]int{}, map[string]bool{}
	for name, p := range plans(t) {
		facts := facts(t, p)
		for fact, is := range facts {
			used[fact] = used[fact] || is
		}
		for service, policy := range services(t, p) {
			seen[service]++
			for _, d := range differ(policy, needs()[service], facts) {
				t.Errorf("%s in %s: %s", service, name, d)
			}
		}
	}
	if want := map[string]int{"firehose": 2, "glue": 2, "ecs": 2}; !maps.Equal(seen, want) {
		t.Errorf("roles of services in so many plans: %v, want %v", seen, want)
	}
	for _, all := range needs() {
		for _, n := range all {
			if _, known := used[n.when]; n.when != "" && !known {
				t.Errorf("%q of %s is no fact that is looked at", n.when, n.action)
			}
		}
	}
}

// TestAPermissionTooManyOrTooFewIsNoticed by the comparison above.
func TestAPermissionTooManyOrTooFewIsNoticed(t *testing.T) {
	t.Parallel()
	needed := []need{{"s3:GetObject", []string{"a", "b"}, "reading", ""}, {"kms:Decrypt", []string{"k"}, "a key", "keyed"}}
	allow := func(on string, actions ...string) iam.Statement {
		return iam.Statement{Sid: "S", Effect: "Allow", Actions: actions, Resources: []string{on}}
	}
	for name, test := range map[string]struct {
		policy iam.Policy
		keyed  bool
		want   int
	}{
		"all":                    {iam.Policy{allow("a", "s3:GetObject"), allow("b", "s3:GetObject")}, false, 0},
		"all with the key":       {iam.Policy{allow("a", "s3:GetObject"), allow("b", "s3:GetObject"), allow("k", "kms:Decrypt")}, true, 0},
		"a key that is not used": {iam.Policy{allow("a", "s3:GetObject"), allow("b", "s3:GetObject"), allow("k", "kms:Decrypt")}, false, 1},
		"no key":                 {iam.Policy{allow("a", "s3:GetObject"), allow("b", "s3:GetObject")}, true, 1},
		"one resource":           {iam.Policy{allow("a", "s3:GetObject")}, false, 1},
		"another action":         {iam.Policy{allow("a", "s3:GetObject", "s3:PutObject"), allow("b", "s3:GetObject")}, false, 1},
		"all actions":            {iam.Policy{allow("a", "s3:*"), allow("b", "s3:GetObject")}, false, 2},
		"a denial":               {iam.Policy{{Sid: "S", Effect: "Deny", Actions: []string{"s3:GetObject"}, Resources: []string{"a"}}, allow("b", "s3:GetObject")}, false, 1},
	} {
		if got := differ(test.policy, needed, map[string]bool{"keyed": test.keyed}); len(got) != test.want {
			t.Errorf("%s: %v, want %d", name, got, test.want)
		}
	}
}
