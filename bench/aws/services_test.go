package aws

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/eventlake/lake/laketest/awslocal"
)

// services answers what the Lambdas ask of AWS at once, so that a function's
// processor time is its own and the network's end on this side. Every write is
// taken, and there is nothing to read.
type services struct {
	url string

	mu    sync.Mutex
	calls map[string]int
}

func newServices(t testing.TB) *services {
	t.Helper()
	s := &services{calls: map[string]int{}}
	e, err := awslocal.Serve(s)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.Stop(); err != nil {
			t.Error(err)
		}
	})
	s.url = e.URL
	return s
}

// env leads a function here.
func (s *services) env(limit string) map[string]string {
	return map[string]string{
		"AWS_ENDPOINT_URL": s.url, "AWS_EC2_METADATA_DISABLED": "true", "GOMEMLIMIT": limit,
		"LAKE_AWS_STREAM": "lake", "LAKE_AWS_BUCKET": "lake", "LAKE_AWS_CLAIMS": "claims", "LAKE_AWS_LEDGER": "ledger",
		"LAKE_AWS_FIREHOSE": "lake", "LAKE_AWS_GLUE_DATABASE": "lake", "LAKE_AWS_FAILED": "aws/lambda/",
	}
}

// count is how often an operation was called on a table, or at all.
func (s *services) count(operation string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.calls[operation]
}

// ServeHTTP answers one call.
func (s *services) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	_, operation, protocol := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // the caller went away
	}
	if !protocol { // S3, whose buckets are empty
		w.Header().Set("Content-Type", "application/xml")
		_, _ = io.WriteString(w, `<ListBucketResult><Name>lake</Name><KeyCount>0</KeyCount><IsTruncated>false</IsTruncated></ListBucketResult>`)
		return
	}
	var answer string
	switch operation {
	case "PutItem":
		var in struct{ TableName string }
		err = json.Unmarshal(body, &in)
		operation += " " + in.TableName
		answer = `{"ConsumedCapacity":{"TableName":"t","CapacityUnits":1}}`
	case "PutRecordBatch":
		var in struct{ Records []json.RawMessage }
		err = json.Unmarshal(body, &in)
		answer = fmt.Sprintf(`{"FailedPutCount":0,"RequestResponses":[%s]}`, strings.TrimSuffix(strings.Repeat(`{"RecordId":"r"},`, len(in.Records)), ","))
	case "GetTables":
		answer = `{"TableList":[]}`
	default:
		answer = `{"Items":[],"Count":0}`
	}
	if err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	s.mu.Lock()
	s.calls[operation]++
	s.mu.Unlock()
	w.Header().Set("Content-Type", "application/x-amz-json-1.0")
	_, _ = io.WriteString(w, answer) // who went away asks again
}
