package worker

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/eventlake/lake/laketest/awslocal"
)

// call is a request of a worker to a service.
type call struct {
	name   string // the action, or the method and what it is about in the bucket: "PUT raw"
	body   []byte
	status int // of the answer, once there is one
	answer []byte
}

// gate stands between one worker and a service. It counts what passes, by name
// and status, and keeps the calls that traps are set for.
type gate struct {
	t   *testing.T
	to  string
	url string

	mu    sync.Mutex
	count map[outcome]int
	traps []*trap
	known map[string]bool // sequence numbers of records that are not new
	next  map[string]bool // iterators that follow on new records
	came  int             // calls so far
	under int             // those that are not answered yet
}

// outcome is what calls are counted by.
type outcome struct {
	name   string
	status int
}

// trap catches one call.
type trap struct {
	match  func(*call) bool
	answer bool // the call passes; its answer is caught

	caught chan struct{} // closed when the call is here
	opened chan struct{} // closed when it may go on
	gone   chan struct{} // closed when it has been answered
	open   func()
	call   *call // to be read when it is gone
}

// newGate serves a gate in front of an emulator.
func newGate(t *testing.T, to *awslocal.Endpoint) *gate {
	t.Helper()
	g := &gate{t: t, to: to.URL, count: map[outcome]int{}, next: map[string]bool{}}
	e, err := awslocal.Serve(g)
	if err != nil {
		t.Fatal(err)
	}
	g.url = e.URL
	t.Cleanup(func() {
		g.mu.Lock()
		for _, trap := range g.traps {
			trap.open()
		}
		g.mu.Unlock()
		if err := e.Stop(); err != nil {
			t.Error(err)
		}
	})
	return g
}

// catch sets a trap for the next call that matches: for the call itself, or for
// its answer. It stays caught until the trap is opened.
func (g *gate) catch(answer bool, match func(*call) bool) *trap {
	trap := &trap{match: match, answer: answer, caught: make(chan struct{}), opened: make(chan struct{}), gone: make(chan struct{})}
	trap.open = sync.OnceFunc(func() { close(trap.opened) })
	g.mu.Lock()
	defer g.mu.Unlock()
	g.traps = append(g.traps, trap)
	return trap
}

// trapped returns the trap that a call has gone into, nil when it is free.
func (g *gate) trapped(c *call) *trap {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, trap := range g.traps {
		if trap.answer == (c.status != 0) && trap.call == nil && trap.match(c) {
			trap.call = c
			close(trap.caught)
			return trap
		}
	}
	return nil
}

// counted is how many calls of a name were answered with a status.
func (g *gate) counted(name string, status int) int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.count[outcome{name, status}]
}

// calls is how many calls have come so far, and how many are not answered yet.
func (g *gate) calls() (came, under int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.came, g.under
}

// ServeHTTP passes a call on. What has been sent arrives, even when the sender
// is gone by then.
func (g *gate) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // the worker is gone before it has sent everything
	}
	g.mu.Lock()
	g.came++
	g.under++
	g.mu.Unlock()
	defer func() {
		g.mu.Lock()
		g.under--
		g.mu.Unlock()
	}()
	c := &call{name: nameOf(r), body: body}
	trap := g.trapped(c)
	if trap != nil {
		<-trap.opened
	}
	out := r.Clone(context.WithoutCancel(r.Context()))
	out.RequestURI, out.Body, out.ContentLength = "", io.NopCloser(bytes.NewReader(body)), int64(len(body))
	out.URL.Scheme, out.URL.Host, _ = strings.Cut(g.to, "://")
	answer, err := http.DefaultTransport.RoundTrip(out)
	if err != nil {
		g.t.Errorf("%s: %v", c.name, err)
		return
	}
	c.status = answer.StatusCode
	if c.answer, err = io.ReadAll(answer.Body); err != nil {
		g.t.Errorf("%s: %v", c.name, err)
	}
	if err := answer.Body.Close(); err != nil {
		g.t.Error(err)
	}
	g.note(c)
	if trap == nil {
		if trap = g.trapped(c); trap != nil {
			<-trap.opened
		}
	}
	if trap != nil {
		defer close(trap.gone)
	}
	for name, values := range answer.Header {
		w.Header()[name] = values
	}
	w.WriteHeader(c.status)
	_, _ = w.Write(c.answer) // the worker may be gone
}

// note takes notice of an answer.
func (g *gate) note(c *call) {
	var out struct {
		Records           []struct{ SequenceNumber string }
		NextShardIterator string
	}
	records := c.name == "GetRecords" && json.Unmarshal(c.answer, &out) == nil
	g.mu.Lock()
	defer g.mu.Unlock()
	g.count[outcome{c.name, c.status}]++
	for _, r := range out.Records {
		if records && !g.known[r.SequenceNumber] {
			g.next[out.NextShardIterator] = true
		}
	}
}

// catchTaken catches the next call that asks for what follows on records that
// are not known: whoever makes it has taken those.
func (g *gate) catchTaken(known map[string]bool) *trap {
	g.mu.Lock()
	g.known = known
	clear(g.next)
	g.mu.Unlock()
	return g.catch(false, func(c *call) bool { // under the gate's lock
		var in struct{ ShardIterator string }
		return c.name == "GetRecords" && json.Unmarshal(c.body, &in) == nil && g.next[in.ShardIterator]
	})
}

// nameOf names a call of DynamoDB, Kinesis or S3.
func nameOf(r *http.Request) string {
	if _, action, ok := strings.Cut(r.Header.Get("X-Amz-Target"), "."); ok {
		return action
	}
	if parts := strings.SplitN(r.URL.Path, "/", 4); len(parts) > 3 {
		return r.Method + " " + parts[2]
	}
	return r.Method
}

// is matches calls by their name.
func is(name string) func(*call) bool { return func(c *call) bool { return c.name == name } }
