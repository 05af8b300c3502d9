package aws

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdkkinesis "github.com/aws/aws-sdk-go-v2/service/kinesis"
	sdklambda "github.com/aws/aws-sdk-go-v2/service/lambda"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/aws/awsapi"
	"github.com/eventlake/lake/aws/dynamodb"
	"github.com/eventlake/lake/aws/glue"
	objects "github.com/eventlake/lake/aws/s3"
	"github.com/eventlake/lake/gen"
	"github.com/eventlake/lake/lambda/audit"
	"github.com/eventlake/lake/lambda/curate"
)

// outputs are those of deploy/terraform, as terraform output -json writes them.
type outputs struct {
	URL         struct{ Value string }
	Environment struct{ Value map[string]string }
	Functions   struct{ Value map[string]string }
}

// account is a lake that others have deployed.
type account struct {
	t         *testing.T
	aws       aws.Config
	url, key  string
	source    string // of the key
	env       map[string]string
	functions map[string]string
	begun     lake.Instant
}

// TestAnAccountMakesTheSameTables is the comparison with the lake on one machine
// for a lake in an account of AWS: LAKE_E2E_AWS=1, credentials and a region as
// the aws command finds them, LAKE_E2E_OUTPUTS the file that terraform output
// -json wrote, LAKE_E2E_KEY a write key and LAKE_E2E_SOURCE its source where
// the lake asks for keys. It sends LAKE_AWS_EVENTS (3,000) new events, waits
// until they are in tables, and reads all tables: use an environment that is
// made for it. That costs less than ten cents beside what the environment does.
func TestAnAccountMakesTheSameTables(t *testing.T) {
	if os.Getenv("LAKE_E2E_AWS") != "1" {
		t.Skip("NOT TESTED in an account of AWS: LAKE_E2E_AWS is not 1")
	}
	text, err := os.ReadFile(os.Getenv("LAKE_E2E_OUTPUTS"))
	if err != nil {
		t.Fatalf("LAKE_E2E_OUTPUTS: %v", err)
	}
	var out outputs
	if err := json.Unmarshal(text, &out); err != nil {
		t.Fatal(err)
	}
	a := &account{
		t: t, url: out.URL.Value, key: os.Getenv("LAKE_E2E_KEY"), source: os.Getenv("LAKE_E2E_SOURCE"),
		env: out.Environment.Value, functions: out.Functions.Value,
	}
	a.compare(amount(t, "LAKE_AWS_EVENTS", 3000), 45*time.Minute)
}

// TestTheAccountsTestWorks runs the test for accounts on the emulated cloud,
// which it finds by the same outputs and variables.
func TestTheAccountsTestWorks(t *testing.T) {
	s := newSite(t, setup{buffer: time.Second})
	out := outputs{}
	out.URL.Value, out.Environment.Value = s.url, s.Environment()
	for name, value := range out.Environment.Value {
		if strings.HasPrefix(name, "AWS_") {
			t.Setenv(name, value)
		}
	}
	out.Functions.Value = map[string]string{}
	for name := range s.functions {
		out.Functions.Value[name] = s.Names.Lake + "-" + name
	}
	a := &account{t: t, url: out.URL.Value, env: out.Environment.Value, functions: out.Functions.Value}
	a.compare(200, 2*time.Minute)
}

// compare sends events to both lakes and looks for each of them.
func (a *account) compare(n int, patience time.Duration) {
	a.t.Helper()
	a.begun = lake.SystemClock()
	if a.source == "" {
		a.source = string(lake.DefaultSource)
	}
	var err error
	if a.aws, err = awsapi.Config(a.t.Context(), awsapi.Options{}); err != nil {
		a.t.Fatal(err)
	}
	seed := uint64(time.Now().UnixNano()) // nobody has sent these before
	a.t.Logf("seed %d", seed)
	posted, _ := generated(gen.Options{Seed: seed, Events: n * 2 / 3, Duplicates: .05, Late: .01, Malformed: .02})
	put, _ := generated(gen.Options{Seed: seed + 1, Events: n - n*2/3, Duplicates: .05, Late: .01, Malformed: .02})

	m := newMachine(a.t)
	post(a.t, m.url, a.source, posted)
	post(a.t, m.url, string(lake.DefaultSource), put)
	m.settle()

	sending{url: a.url, source: a.source, key: a.key, batch: 500}.post(a.t, posted)
	putDirectly(a.t, sdkkinesis.NewFromConfig(a.aws), a.env["LAKE_AWS_STREAM"], put)
	machine := m.state()
	for end := time.Now().Add(patience); ; {
		err := a.same(machine)
		if err == nil {
			break
		}
		if time.Now().After(end) {
			a.t.Fatalf("after %v: %v", patience, err)
		}
		a.t.Logf("%v; looking again", err)
		a.upkeep(patience / 20)
	}
	a.audit()
}

// same compares every row and every refused event that the machine has.
func (a *account) same(machine state) error {
	a.t.Helper()
	cloud := a.state()
	tables := cloud.tables(a.t)
	inMachine, inCloud := machine.engine(a.t), cloud.engine(a.t)
	rows := 0
	for name := range machine.tables(a.t) {
		if _, ok := tables[name]; !ok {
			return fmt.Errorf("there is no table %s", name)
		}
		got := cloud.rows(a.t, inCloud, name)
		for id, want := range machine.rows(a.t, inMachine, name) {
			if got[id] == nil {
				return fmt.Errorf("table %s has no event %s", name, id)
			}
			if !reflect.DeepEqual(got[id], want) {
				a.t.Fatalf("table %s: event %s is\n%v, on a machine\n%v", name, id, got[id], want)
			}
			rows++
		}
	}
	refused := cloud.refused(a.t)
	for r := range machine.refused(a.t) {
		if refused[r] == 0 {
			return fmt.Errorf("%+v is not refused", r)
		}
	}
	a.t.Logf("%d rows are the same", rows)
	return nil
}

// state opens what the account's lake holds.
func (a *account) state() state {
	a.t.Helper()
	bucket := a.env["LAKE_AWS_BUCKET"]
	store, err := objects.New(objects.NewClient(a.aws), objects.Options{Bucket: bucket})
	if err != nil {
		a.t.Fatal(err)
	}
	catalog, err := glue.New(glue.NewClient(a.aws), store, glue.Options{Database: a.env["LAKE_AWS_GLUE_DATABASE"], Root: "s3://" + bucket})
	if err != nil {
		a.t.Fatal(err)
	}
	ledger := dynamodb.New(dynamodb.NewClient(a.aws, 8), dynamodb.Options{Claims: a.env["LAKE_AWS_CLAIMS"], Ledger: a.env["LAKE_AWS_LEDGER"], Store: store})
	return state{name: "the account", store: store, catalog: catalog, ledger: ledger}
}

// upkeep waits a little and lets lambda-curate look for new objects. It has one
// call at a time, so it may be busy.
func (a *account) upkeep(pause time.Duration) {
	a.t.Helper()
	select {
	case <-time.After(min(pause, time.Minute)):
	case <-a.t.Context().Done():
	}
	if err := a.invoke("curate", curate.Task{Task: "upkeep"}, nil); err != nil {
		a.t.Logf("upkeep: %v", err)
	}
}

// audit demands that nothing of the last hours is missing.
func (a *account) audit() {
	a.t.Helper()
	var r audit.Report
	q := audit.Request{From: hour(a.begun.Hour()), To: hour(lake.SystemClock().Hour().Add(time.Hour)), Stream: true}
	if err := a.invoke("audit", q, &r); err != nil {
		a.t.Fatal(err)
	}
	if r.Gap != 0 || r.Doubled != 0 {
		a.t.Errorf("gap %d, doubled %d:\n%s", r.Gap, r.Doubled, strings.Join(r.Problems, "\n"))
	}
}

// invoke calls a function by its part.
func (a *account) invoke(part string, in, out any) error {
	name, ok := a.functions[part]
	if !ok {
		return fmt.Errorf("no function %s, there are %v", part, slices.Collect(maps.Keys(a.functions)))
	}
	payload, err := json.Marshal(in)
	if err != nil {
		return err
	}
	answer, err := sdklambda.NewFromConfig(a.aws).Invoke(a.t.Context(), &sdklambda.InvokeInput{FunctionName: &name, Payload: payload})
	if err != nil {
		return err
	}
	if answer.FunctionError != nil {
		return errors.New(string(answer.Payload))
	}
	if out == nil {
		return nil
	}
	return json.Unmarshal(answer.Payload, out)
}
