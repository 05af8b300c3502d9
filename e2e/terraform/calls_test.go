package terraform

import (
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/eventlake/lake/laketest/awslocal"
	"github.com/eventlake/lake/laketest/iam"
	"github.com/eventlake/lake/laketest/terraform"
)

// operation is a call of the SDK, e.g. dynamodb PutItem.
type operation struct{ service, name string }

// actions are what IAM is asked for a call; most are called as the call is.
func (o operation) actions() []string {
	special := map[operation][]string{
		{"s3", "HeadObject"}:              {"s3:GetObject", "s3:ListBucket"}, // without the second a missing object is forbidden
		{"s3", "GetObject"}:               {"s3:GetObject", "s3:ListBucket"},
		{"s3", "ListObjectsV2"}:           {"s3:ListBucket"},
		{"s3", "CreateMultipartUpload"}:   {"s3:PutObject"},
		{"s3", "UploadPart"}:              {"s3:PutObject"},
		{"s3", "CompleteMultipartUpload"}: {"s3:PutObject"},
		// The ledger's transactions are puts.
		{"dynamodb", "TransactWriteItems"}: {"dynamodb:PutItem"},
		{"lambda", "Invoke"}:               {"lambda:InvokeFunction"},
	}
	if a := special[o]; a != nil {
		return a
	}
	return []string{o.service + ":" + o.name}
}

// possible are the calls that a program can make: those of the interfaces by
// which the packages that it links know the SDK.
func possible(t *testing.T, program string) (ops []operation) {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "go", "list", "-deps", "-f", "{{.Dir}}", program).Output()
	if err != nil {
		t.Fatal(err)
	}
	root, err := awslocal.Repository(".")
	if err != nil {
		t.Fatal(err)
	}
	for dir := range strings.Lines(string(out)) {
		if dir = strings.TrimSpace(dir); strings.HasPrefix(dir, root+string(filepath.Separator)) {
			ops = append(ops, declared(t, dir)...)
		}
	}
	slices.SortFunc(ops, func(a, b operation) int { return strings.Compare(a.service+a.name, b.service+b.name) })
	return slices.Compact(ops)
}

// declared finds the methods of interfaces that have the form of the SDK's calls:
// (context.Context, *sdk.PutItemInput, ...) with sdk a service of the SDK.
func declared(t *testing.T, dir string) (ops []operation) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		services := map[string]string{} // name in the file: service
		for _, i := range f.Imports {
			p := strings.Trim(i.Path.Value, `"`)
			if service, ok := strings.CutPrefix(p, "github.com/aws/aws-sdk-go-v2/service/"); ok && !strings.Contains(service, "/") {
				name := path.Base(p)
				if i.Name != nil {
					name = i.Name.Name
				}
				services[name] = service
			}
		}
		ast.Inspect(f, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.InterfaceType:
				for _, m := range n.Methods.List {
					if fn, ok := m.Type.(*ast.FuncType); ok && len(m.Names) == 1 {
						if service := inputOf(fn, m.Names[0].Name, services); service != "" {
							ops = append(ops, operation{service, m.Names[0].Name})
						}
					}
				}
			case *ast.CompositeLit: // a call of the client itself: InvokeInput{...}
				if x, ok := n.Type.(*ast.SelectorExpr); ok {
					if id, ok := x.X.(*ast.Ident); ok && services[id.Name] == "lambda" && strings.HasSuffix(x.Sel.Name, "Input") {
						ops = append(ops, operation{"lambda", strings.TrimSuffix(x.Sel.Name, "Input")})
					}
				}
			}
			return true
		})
	}
	return ops
}

// inputOf returns the service whose NameInput the second parameter points to.
func inputOf(fn *ast.FuncType, name string, services map[string]string) string {
	for _, p := range fn.Params.List {
		star, ok := p.Type.(*ast.StarExpr)
		if !ok {
			continue
		}
		if x, ok := star.X.(*ast.SelectorExpr); ok && x.Sel.Name == name+"Input" {
			if id, ok := x.X.(*ast.Ident); ok {
				return services[id.Name]
			}
		}
	}
	return ""
}

// unused are actions that a program links and never does, as patterns with the
// reason; by the part, or by size and part.
func unused(size, part string) map[string]string {
	all := map[string]map[string]string{
		"": {
			"dynamodb:CreateTable": "tests and emulators make tables, in an account Terraform does", "dynamodb:UpdateTimeToLive": "as above", "dynamodb:DescribeTable": "as above", "dynamodb:DescribeTimeToLive": "as above",
		},
		"collect": {
			"kinesis:Get*": "it only publishes", "kinesis:DescribeStreamSummary": "it only publishes", "dynamodb:*": "it has no ledger", "firehose:*": "it keeps nothing",
			"s3:PutObject": "it reads configuration and keys", "s3:AbortMultipartUpload": "as above", "s3:DeleteObject": "as above",
		},
		"ingest": {
			"dynamodb:Query": "it commits nothing", "dynamodb:BatchWriteItem": "it commits nothing",
			"kinesis:PutRecords": "it is handed records", "s3:DeleteObject": "it only adds",
		},
		"curate": {"kinesis:*": "it reads raw, not the stream", "firehose:*": "raw is there when it comes"},
		"replay": {"dynamodb:BatchWriteItem": "it commits nothing to the ledger"},
		"audit": {
			"dynamodb:PutItem": "it only looks", "dynamodb:BatchWriteItem": "it only looks", "firehose:*": "it only looks", "kinesis:PutRecords": "it only looks",
			"glue:CreateTable": "it only looks", "glue:UpdateTable": "it only looks",
			"s3:PutObject": "it only looks", "s3:AbortMultipartUpload": "it only looks", "s3:DeleteObject": "it only looks",
		},
		"worker":       {"firehose:*": "it writes to the bucket itself", "kinesis:PutRecords": "it only reads", "glue:*": "tables are lambda-curate's", "sqs:*": "nobody tells it anything"},
		"small ingest": {"firehose:*": "there is none"},
		"small replay": {"firehose:*": "there is none"},
		"large replay": {
			"kinesis:Get*": "workers leave no batches to settle", "kinesis:DescribeStreamSummary": "as above", "dynamodb:PutItem": "as above", "firehose:*": "there is none",
		},
	}
	if part != "worker" {
		all[""]["dynamodb:DeleteItem"] = "leases are the workers'"
	}
	out := map[string]string{}
	for _, k := range []string{"", part, size + " " + part} {
		maps.Copy(out, all[k])
	}
	return out
}

// TestRolesMayDoWhatTheirProgramsCan plans every size and holds each role against
// the calls that its program links: every action of a role is one of a call that
// the program can make, and every call that it can make is allowed, or it is said
// why it is never made. TestDevComesWorksAndGoes then compares with the calls that
// are made.
func TestRolesMayDoWhatTheirProgramsCan(t *testing.T) {
	t.Parallel()
	w := terraform.Open(t, ".", awslocal.Moto(t))
	w.Set("environment=test", `worker={image="123456789012.dkr.ecr.us-east-1.amazonaws.com/lake:1"}`)
	for _, size := range []string{"small", "standard", "large"} {
		w.Set("size=" + size) // the last one counts
		plan, err := w.Plan(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		all, err := policies(plan)
		if err != nil {
			t.Fatal(err)
		}
		if want := map[string]int{"small": 5, "standard": 5, "large": 5}[size]; len(all) != want {
			t.Errorf("%s has policies of %d parts, want %d", size, len(all), want)
		}
		for part, policy := range all {
			program := "github.com/eventlake/lake/cmd/lambda-" + part
			if part == "worker" {
				program = "github.com/eventlake/lake/cmd/lake"
			}
			hold(t, size, part, policy, possible(t, program))
		}
	}
}

func hold(t *testing.T, size, part string, policy iam.Policy, ops []operation) {
	t.Helper()
	name := size + " " + part
	can, may := map[string]bool{}, map[string]bool{}
	for _, op := range ops {
		for _, a := range op.actions() {
			can[a] = true
		}
	}
	for _, st := range policy {
		for _, a := range st.Actions {
			may[a] = true
			if strings.Contains(a, "*") {
				t.Errorf("%s: %s allows %s, not single actions", name, st.Sid, a)
			}
			if byServices()[st.Sid] == "" && !can[a] {
				t.Errorf("%s: %s allows %s, which the program cannot call", name, st.Sid, a)
			}
		}
		for _, r := range st.Resources {
			if r == "*" || !strings.HasPrefix(r, "arn:") {
				t.Errorf("%s: %s is about %s, not about something of this lake", name, st.Sid, r)
			}
		}
	}
	never := unused(size, part)
	for a := range can {
		excused := false
		for pattern := range never {
			if iam.Match(pattern, a) {
				excused = true
			}
		}
		switch {
		case excused && may[a] && !served(policy, a):
			t.Errorf("%s: the role may do %s, which is said to be never done", name, a)
		case !excused && !may[a]:
			t.Errorf("%s: the program can do %s, and its role may not", name, a)
		}
	}
}

// served reports whether all statements that allow the action are for services.
func served(policy iam.Policy, action string) bool {
	for _, st := range policy {
		if slices.Contains(st.Actions, action) && byServices()[st.Sid] == "" {
			return false
		}
	}
	return true
}
