package terraform

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/eventlake/lake/laketest/iam"
	"github.com/eventlake/lake/laketest/terraform"
)

// policies reads what the role of each function, and of the workers, may do, by
// the part. In a plan, what
// is not known yet, as the key's ARN, is missing.
func policies(v terraform.Values) (map[string]iam.Policy, error) {
	roles := map[string]string{} // module: part
	for r := range v.All("aws_lambda_function") {
		var f deployed
		if err := json.Unmarshal(r.Values, &f); err != nil {
			return nil, err
		}
		roles[r.Module()] = f.Name[strings.LastIndex(f.Name, "-")+1:]
	}
	out := map[string]iam.Policy{}
	for r := range v.All("aws_iam_role_policy") {
		part, ok := roles[r.Module()]
		if strings.HasPrefix(r.Module(), "module.worker[") && r.Name != "start" { // that is for ECS
			part, ok = "worker", true
		}
		if !ok {
			continue
		}
		var p struct{ Policy string }
		if err := json.Unmarshal(r.Values, &p); err != nil {
			return nil, err
		}
		if p.Policy == "" {
			continue // not known yet
		}
		policy, err := iam.Parse([]byte(p.Policy))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", r.Address, err)
		}
		out[part] = append(out[part], policy...)
	}
	return out, nil
}

// byServices are statements by which AWS acts in a function's name; no program
// makes these calls. The value says who does.
func byServices() map[string]string {
	return map[string]string{
		"Log":    "Lambda writes the function's log",
		"Dead":   "Lambda sets calls aside that failed for good",
		"Key":    "the services encrypt and decrypt for the caller",
		"Poll":   "Lambda's event source mapping reads for the function",
		"GiveUp": "Lambda's event source mapping leaves batches that failed",
	}
}

// rare is a call that a short run does not make.
type rare struct{ part, action, on, why string } // part "" is each; on is part of the resource

func seldom() []rare {
	large, missing := "an upload in parts fails", "without it a missing object is forbidden, not missing"
	return []rare{
		{"", "s3:AbortMultipartUpload", "", large},
		{"", "s3:ListBucket", "", missing},
		{"", "s3:GetObject", "/ledger/", "a commit names more files than an item of DynamoDB holds"},
		{"ingest", "s3:GetObject", "/raw/", "an object of that name is there already"},
		{"ingest", "s3:GetObject", "/quarantine/", "an object of that name is there already"},
		{"replay", "s3:GetObject", "/quarantine/", "an object of that name is there already"},
		{"curate", "s3:PutObject", "/ledger/", "a commit names more files than an item of DynamoDB holds"},
		{"curate", "s3:DeleteObject", "/ledger/", "such a commit is folded into a checkpoint"},
		{"curate", "dynamodb:BatchWriteItem", "", "128 commits are folded into a checkpoint"},
		{"audit", "dynamodb:GetItem", "", "128 commits were folded into a checkpoint"},
		{"replay", "dynamodb:GetItem", "", "128 commits were folded into a checkpoint"},
		{"curate", "s3:DeleteObject", "/tables/", "a snapshot is old enough to go"},
		{"replay", "s3:DeleteObject", "/tables/", "a commit is lost to another, or too old"},
		{"replay", "glue:CreateTable", "", "the table to be rebuilt is gone"},
		{"replay", "lambda:InvokeFunction", "", "a replay takes longer than 15 minutes"},
		{"audit", "lambda:InvokeFunction", "", "an audit takes longer than 15 minutes"},
		{"replay", "kinesis:DescribeStreamSummary", "", "a shard was at rest for as long as it keeps records"},
		{"audit", "kinesis:DescribeStreamSummary", "", "a shard was at rest for as long as it keeps records"},
		{"audit", "kinesis:ListShards", "", "a shard is gone"},
	}
}

// mayDoWhatItDoes compares the calls of the functions with their policies.
func (s *site) mayDoWhatItDoes() {
	s.t.Helper()
	all, err := policies(s.made)
	if err != nil {
		s.t.Fatal(err)
	}
	s.calls.hold(s.t, all, seldom())
}

// hold compares the recorded calls with the policies: each is allowed, and
// everything that is allowed is done, or is said to be rare.
func (r *recorder) hold(t *testing.T, all map[string]iam.Policy, seldom []rare) {
	t.Helper()
	if len(r.odd) > 0 {
		t.Errorf("calls that the recorder cannot read:\n%s", strings.Join(r.odd, "\n"))
	}
	calls, said := r.noted(), map[int]bool{}
	for _, c := range calls {
		if !all[c.who].Allows(c.action, c.resource) {
			t.Errorf("%s does %s on %s, which its role may not", c.who, c.action, c.resource)
		}
	}
	for part, policy := range all {
		for _, st := range policy {
			if byServices()[st.Sid] != "" {
				continue
			}
			for _, action := range st.Actions {
				for _, resource := range st.Resources {
					done := slices.ContainsFunc(calls, func(c call) bool {
						return c.who == part && strings.EqualFold(c.action, action) && iam.Match(resource, c.resource)
					})
					excused := slices.IndexFunc(seldom, func(r rare) bool {
						return (r.part == "" || r.part == part) && r.action == action && strings.Contains(resource, r.on)
					})
					if excused >= 0 {
						said[excused] = true
					} else if !done {
						t.Errorf("%s may do %s on %s (%s), but never does", part, action, resource, st.Sid)
					}
				}
			}
		}
	}
	for i, r := range seldom {
		if !said[i] {
			t.Errorf("nothing grants %s %s on %q any more, which is said to be done when %s", r.part, r.action, r.on, r.why)
		}
	}
}
