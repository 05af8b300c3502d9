package lambda_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	runtime "github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-lambda-go/lambdacontext"

	"github.com/eventlake/lake/laketest/awslocal/lambda"
)

// The test binary is also the bootstrap: started with this variable it serves
// the runtime API with AWS's own library.
const beBootstrap = "LAKE_TEST_BOOTSTRAP"

func TestMain(m *testing.M) {
	switch os.Getenv(beBootstrap) {
	case "":
		os.Exit(m.Run())
	case "broken":
		os.Exit(3)
	case "mirror":
		runtime.Start(mirror)
	default:
		runtime.Start(handle)
	}
}

// request is what the tests' function is asked for.
type request struct {
	Do    string        `json:"do"`
	Sleep time.Duration `json:"sleep"`
	Bytes int           `json:"bytes"`
}

// reply is what it answers.
type reply struct {
	PID       int           `json:"pid"`
	RequestID string        `json:"request"`
	ARN       string        `json:"arn"`
	Left      time.Duration `json:"left"`
	Memory    string        `json:"memory"`
	Home      string        `json:"home"`
	Ticks     int64         `json:"ticks"`
	Filler    string        `json:"filler,omitempty"`
}

// ticks counts while the process is not frozen.
var ticks atomic.Int64

var tick = sync.OnceFunc(func() {
	go func() {
		for range time.Tick(time.Millisecond) {
			ticks.Add(1)
		}
	}()
})

func handle(ctx context.Context, r request) (reply, error) {
	tick()
	time.Sleep(r.Sleep)
	switch r.Do {
	case "fail":
		return reply{}, errors.New("no such luck")
	case "exit":
		os.Exit(7)
	case "panic":
		panic("out of cheese")
	}
	lc, _ := lambdacontext.FromContext(ctx)
	deadline, _ := ctx.Deadline()
	return reply{
		PID: os.Getpid(), RequestID: lc.AwsRequestID, ARN: lc.InvokedFunctionArn, Left: time.Until(deadline),
		Memory: os.Getenv("AWS_LAMBDA_FUNCTION_MEMORY_SIZE"), Home: os.Getenv("HOME"), Ticks: ticks.Load(),
		Filler: strings.Repeat("x", r.Bytes),
	}, nil
}

func start(t *testing.T, cfg lambda.Config) *lambda.Function {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cfg.Name, cfg.Bootstrap, cfg.InitLimit = "echo", exe, time.Minute
	if cfg.Timeout == 0 {
		cfg.Timeout = 30 * time.Second
	}
	if cfg.Env == nil {
		cfg.Env = map[string]string{beBootstrap: "echo"}
	}
	f, err := lambda.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	})
	return f
}

func invoke(t *testing.T, f *lambda.Function, r request) (reply, lambda.Report, error) {
	t.Helper()
	payload, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	res, err := f.Invoke(t.Context(), payload)
	var out reply
	if err == nil {
		if err := json.Unmarshal(res.Payload, &out); err != nil {
			t.Fatalf("answer %q: %v", res.Payload, err)
		}
	}
	return out, res.Report, err
}

// mustFail checks the type and a part of the text of a failed invocation.
func mustFail(t *testing.T, err error, kind, text string) {
	t.Helper()
	var fe *lambda.FunctionError
	if !errors.As(err, &fe) {
		t.Fatalf("error %v, want a *FunctionError", err)
	}
	if fe.Type != kind || !strings.Contains(fe.Message, text) {
		t.Fatalf("error %q %q, want type %q with %q", fe.Type, fe.Message, kind, text)
	}
}

func TestAnEnvironmentIsStartedOnceAndTold(t *testing.T) {
	t.Parallel()
	f := start(t, lambda.Config{MemoryMB: 256, Timeout: 20 * time.Second})
	first, rep, err := invoke(t, f, request{})
	if err != nil {
		t.Fatal(err)
	}
	if !rep.Cold || rep.Init <= 0 || rep.Init > time.Minute {
		t.Errorf("first report %+v, want a measured cold start", rep)
	}
	if rep.MaxRSS < 1<<20 {
		t.Errorf("max RSS %d bytes, want that of a process", rep.MaxRSS)
	}
	if first.RequestID != rep.RequestID || first.ARN != f.ARN() || first.Memory != "256" {
		t.Errorf("the function was told %+v", first)
	}
	if first.Left <= 0 || first.Left > 20*time.Second {
		t.Errorf("deadline in %v, want within the time-out of 20 s", first.Left)
	}
	if first.Home != "" {
		t.Errorf("the function sees this process's HOME %q", first.Home)
	}
	second, rep, err := invoke(t, f, request{})
	if err != nil {
		t.Fatal(err)
	}
	if rep.Cold || rep.Init != 0 || second.PID != first.PID || second.RequestID == first.RequestID {
		t.Errorf("second invocation %+v %+v, want the same process and another request", second, rep)
	}
	if s := f.Stats(); s.Invocations != 2 || s.ColdStarts != 1 || s.Errors != 0 {
		t.Errorf("stats %+v", s)
	}
}

func TestAnEnvironmentIsFrozenBetweenInvocations(t *testing.T) {
	t.Parallel()
	f := start(t, lambda.Config{})
	first, _, err := invoke(t, f, request{Sleep: 50 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	if first.Ticks == 0 {
		t.Fatal("the clock does not tick at all")
	}
	time.Sleep(2 * time.Second) // in which a process that runs would tick 2,000 times
	second, _, err := invoke(t, f, request{})
	if err != nil {
		t.Fatal(err)
	}
	if second.Ticks-first.Ticks > 1000 {
		t.Errorf("%d ticks between two invocations, want the process frozen", second.Ticks-first.Ticks)
	}
}

func TestAFailureKeepsTheEnvironment(t *testing.T) {
	t.Parallel()
	f := start(t, lambda.Config{})
	first, _, err := invoke(t, f, request{})
	if err != nil {
		t.Fatal(err)
	}
	_, _, err = invoke(t, f, request{Do: "fail"})
	mustFail(t, err, "errorString", "no such luck")
	after, _, err := invoke(t, f, request{})
	if err != nil || after.PID != first.PID {
		t.Errorf("after a failure: %v, process %d; want %d again", err, after.PID, first.PID)
	}
}

func TestAnEndedProcessIsReplaced(t *testing.T) {
	t.Parallel()
	f := start(t, lambda.Config{Timeout: 2 * time.Second})
	seen := map[int]bool{}
	for _, c := range []struct {
		r          request
		kind, text string
	}{
		{request{Do: "exit"}, "Runtime.ExitError", "exit status 7"},
		{request{Do: "panic"}, "string", "out of cheese"},
		{request{Sleep: time.Hour}, "Sandbox.Timedout", "Task timed out after 2.00 seconds"},
	} {
		_, rep, err := invoke(t, f, c.r)
		mustFail(t, err, c.kind, c.text)
		if rep.MaxRSS == 0 {
			t.Errorf("%v: the memory of an ended process is not known", c.r)
		}
		out, rep, err := invoke(t, f, request{})
		if err != nil {
			t.Fatal(err)
		}
		if !rep.Cold || seen[out.PID] {
			t.Errorf("after %+v: cold %v, process %d; want a new one", c.r, rep.Cold, out.PID)
		}
		seen[out.PID] = true
	}
}

func TestAProcessIsKilledOnDemand(t *testing.T) {
	t.Parallel()
	f := start(t, lambda.Config{Fault: func(n int) lambda.Fault {
		return []lambda.Fault{{}, {KillAfter: 50 * time.Millisecond}, {KillAtResponse: true}, {}}[n]
	}})
	first, _, err := invoke(t, f, request{})
	if err != nil {
		t.Fatal(err)
	}
	_, _, err = invoke(t, f, request{Sleep: time.Hour})
	mustFail(t, err, "Runtime.ExitError", "signal: killed")
	_, _, err = invoke(t, f, request{})
	mustFail(t, err, "Runtime.ExitError", "signal: killed")
	last, rep, err := invoke(t, f, request{})
	if err != nil || !rep.Cold || last.PID == first.PID {
		t.Errorf("after the kills: %v, cold %v", err, rep.Cold)
	}
}

func TestConcurrencyIsLimited(t *testing.T) {
	t.Parallel()
	running := make(chan int, 2)
	f := start(t, lambda.Config{Concurrency: 2, Fault: func(n int) lambda.Fault {
		running <- n
		return lambda.Fault{}
	}})
	var wg sync.WaitGroup
	pids := make(chan int, 2)
	for range 2 {
		wg.Go(func() {
			out, _, err := invoke(t, f, request{Sleep: time.Second})
			if err != nil {
				t.Error(err)
			}
			pids <- out.PID
		})
	}
	<-running
	<-running
	if _, _, err := invoke(t, f, request{}); !errors.Is(err, lambda.ErrThrottled) {
		t.Errorf("a third invocation at the same time: %v", err)
	}
	wg.Wait()
	if a, b := <-pids, <-pids; a == b {
		t.Errorf("both invocations ran in process %d", a)
	}
}

func TestPayloadsAreLimited(t *testing.T) {
	t.Parallel()
	f := start(t, lambda.Config{})
	if _, err := f.Invoke(t.Context(), bytes.Repeat([]byte(" "), lambda.PayloadLimit+1)); !errors.Is(err, lambda.ErrTooLarge) {
		t.Errorf("a request over 6 MB: %v", err)
	}
	_, _, err := invoke(t, f, request{Bytes: lambda.PayloadLimit})
	mustFail(t, err, "Function.ResponseSizeTooLarge", "exceeded maximum")
}

func TestABootstrapThatDoesNotStartFailsTheInvocation(t *testing.T) {
	t.Parallel()
	f := start(t, lambda.Config{Env: map[string]string{beBootstrap: "broken"}})
	_, _, err := invoke(t, f, request{})
	mustFail(t, err, "Runtime.ExitError", "exit status 3")
	if _, err := lambda.New(lambda.Config{Name: "x", Bootstrap: t.TempDir() + "/none"}); err == nil {
		t.Error("a missing bootstrap is accepted")
	}
}

func TestNothingRunsAfterClose(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	f := start(t, lambda.Config{Log: &log})
	out, _, err := invoke(t, f, request{})
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(out.PID, 0); !errors.Is(err, syscall.ESRCH) {
		t.Errorf("process %d after Close: %v, want that there is none", out.PID, err)
	}
	if _, _, err := invoke(t, f, request{}); !errors.Is(err, lambda.ErrClosed) {
		t.Errorf("invoke after Close: %v", err)
	}
	if !strings.Contains(log.String(), "REPORT RequestId: "+out.RequestID) {
		t.Errorf("no REPORT line in %q", log.String())
	}
}
