package aws

import (
	"bytes"
	"encoding/json"
	"io"
	"log"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/eventlake/lake/laketest/awslocal"
)

// verdict is what a gate does with a call.
type verdict int

const (
	pass     verdict = iota
	lose             // it is done, and the connection ends before the answer
	throttle         // nothing is done: the capacity is used up
	deny             // nothing is done: the role may not
)

// gate stands in front of DynamoDB and disturbs calls.
type gate struct {
	to  *httputil.ReverseProxy
	url string

	mu    sync.Mutex
	judge func(action, table string) verdict
	count map[verdict]int
}

// newGate serves a gate in front of the endpoint.
func newGate(t *testing.T, to *awslocal.Endpoint) *gate {
	t.Helper()
	target, err := url.Parse(to.URL)
	if err != nil {
		t.Fatal(err)
	}
	g := &gate{count: map[verdict]int{}, judge: func(string, string) verdict { return pass }}
	g.to = &httputil.ReverseProxy{ErrorLog: log.New(io.Discard, "", 0), Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(target)
		r.Out.Host = r.In.Host
	}}
	e, err := awslocal.Serve(g)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.Stop(); err != nil {
			t.Error(err)
		}
	})
	g.url = e.URL
	return g
}

// set changes how calls are judged from now on.
func (g *gate) set(judge func(action, table string) verdict) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.judge = judge
}

// counted is how many calls were judged so.
func (g *gate) counted(v verdict) int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.count[v]
}

// ServeHTTP judges one call.
func (g *gate) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // the caller went away
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	var in struct{ TableName string }
	_ = json.Unmarshal(body, &in) // what has no table is judged by its action
	_, action, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
	g.mu.Lock()
	v := g.judge(action, in.TableName)
	g.count[v]++
	g.mu.Unlock()
	switch v {
	case lose:
		g.to.ServeHTTP(&nowhere{header: http.Header{}}, r)
		panic(http.ErrAbortHandler)
	case throttle:
		refuse(w, "com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException", "The level of configured provisioned throughput for the table was exceeded.")
	case deny:
		refuse(w, "com.amazon.coral.service#AccessDeniedException", "User: arn:aws:sts::"+awslocal.Account+":assumed-role/ingest/i is not authorized to perform: dynamodb:"+
			action+" on resource: arn:aws:dynamodb:us-east-1:"+awslocal.Account+":table/"+in.TableName+" because no identity-based policy allows it")
	default:
		g.to.ServeHTTP(w, r)
	}
}

func refuse(w http.ResponseWriter, kind, message string) {
	w.Header().Set("Content-Type", "application/x-amz-json-1.0")
	w.WriteHeader(http.StatusBadRequest)
	_ = json.NewEncoder(w).Encode(map[string]string{"__type": kind, "message": message}) // a caller that went away asks again
}

// nowhere is an answer that nobody gets.
type nowhere struct{ header http.Header }

func (n *nowhere) Header() http.Header       { return n.header }
func (*nowhere) Write(b []byte) (int, error) { return len(b), nil }
func (*nowhere) WriteHeader(int)             {}
