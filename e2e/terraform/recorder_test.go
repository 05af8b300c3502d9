package terraform

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"maps"
	"net/http"
	"net/http/httputil"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/eventlake/lake/laketest/awslocal"
)

// call is what IAM would be asked about: who does what to which resource.
type call struct{ who, action, resource string }

// recorder stands in front of the services and notes the calls of each function,
// which it tells apart by their access keys.
type recorder struct {
	stream string // the only one; who reads by an iterator does not name it

	mu    sync.Mutex
	calls map[call]int
	odd   []string // what could not be read: then the test is wrong, not the role
}

// front serves the recorder in front of one service.
func (r *recorder) front(t *testing.T, to *awslocal.Endpoint) *awslocal.Endpoint {
	t.Helper()
	target, err := url.Parse(to.URL)
	if err != nil {
		t.Fatal(err)
	}
	proxy := &httputil.ReverseProxy{ErrorLog: log.New(io.Discard, "", 0), Rewrite: func(p *httputil.ProxyRequest) {
		p.SetURL(target)
		p.Out.Host = p.In.Host
	}}
	e, err := awslocal.Serve(http.HandlerFunc(func(w http.ResponseWriter, in *http.Request) {
		if err := r.note(in); err != nil {
			r.mu.Lock()
			r.odd = append(r.odd, err.Error())
			r.mu.Unlock()
		}
		proxy.ServeHTTP(w, in)
	}))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.Stop(); err != nil {
			t.Error(err)
		}
	})
	return e
}

var credential = regexp.MustCompile(`Credential=([^/]+)/[^/]+/[^/]+/([^/]+)/`)

// note reads who calls what.
func (r *recorder) note(in *http.Request) error {
	m := credential.FindStringSubmatch(in.Header.Get("Authorization"))
	if m == nil {
		return fmt.Errorf("%s %s is not signed", in.Method, in.URL)
	}
	who, service := m[1], m[2]
	var body []byte
	if service != "s3" { // objects are not needed
		var err error
		if body, err = io.ReadAll(in.Body); err != nil {
			return nil //nolint:nilerr // the caller went away
		}
		in.Body = io.NopCloser(bytes.NewReader(body))
	}
	calls, err := r.asked(service, in, body)
	if err != nil {
		return fmt.Errorf("%s of %s: %s %s: %w", service, who, in.Method, in.URL, err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, c := range calls {
		c.who = who
		r.calls[c]++
	}
	return nil
}

// noted returns the calls in order.
func (r *recorder) noted() []call {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.SortedFunc(maps.Keys(r.calls), func(a, b call) int {
		return strings.Compare(a.who+a.action+a.resource, b.who+b.action+b.resource)
	})
}

func arn(service, rest string) string {
	return "arn:aws:" + service + ":" + awslocal.Region + ":" + awslocal.Account + ":" + rest
}

// asked says what IAM is asked for a request ("Actions, resources, and condition
// keys" of each service in the Service Authorization Reference).
func (r *recorder) asked(service string, in *http.Request, body []byte) ([]call, error) {
	if service == "s3" {
		return askedS3(in)
	}
	_, op, _ := strings.Cut(in.Header.Get("X-Amz-Target"), ".")
	var b struct {
		TableName, StreamName, StreamARN, DeliveryStreamName, ShardIterator, DatabaseName, Name string
		TableInput                                                                              struct{ Name string }
		RequestItems                                                                            map[string]any
		TransactItems                                                                           []map[string]struct{ TableName string }
	}
	if op != "" {
		if err := json.Unmarshal(body, &b); err != nil {
			return nil, err
		}
	}
	one := func(resource string) ([]call, error) {
		return []call{{action: service + ":" + op, resource: resource}}, nil
	}
	switch service {
	case "dynamodb":
		switch op {
		case "TransactWriteItems": // asked for as what is in it
			var calls []call
			for _, item := range b.TransactItems {
				for kind, x := range item {
					action := map[string]string{"Put": "PutItem", "Update": "UpdateItem", "Delete": "DeleteItem", "ConditionCheck": "ConditionCheckItem"}[kind]
					calls = append(calls, call{action: "dynamodb:" + action, resource: arn("dynamodb", "table/"+x.TableName)})
				}
			}
			return calls, nil
		case "BatchWriteItem":
			var calls []call
			for table := range b.RequestItems {
				calls = append(calls, call{action: "dynamodb:BatchWriteItem", resource: arn("dynamodb", "table/"+table)})
			}
			return calls, nil
		}
		return one(arn("dynamodb", "table/"+b.TableName))
	case "kinesis":
		if b.StreamARN != "" {
			return one(b.StreamARN)
		}
		if b.ShardIterator != "" {
			b.StreamName = r.stream
		}
		return one(arn("kinesis", "stream/"+b.StreamName))
	case "firehose":
		return one(arn("firehose", "deliverystream/"+b.DeliveryStreamName))
	case "glue":
		table := b.Name + b.TableInput.Name
		if op == "GetTables" {
			table = "*"
		}
		var calls []call // Glue asks for all three
		for _, x := range []string{"catalog", "database/" + b.DatabaseName, "table/" + b.DatabaseName + "/" + table} {
			calls = append(calls, call{action: "glue:" + op, resource: arn("glue", x)})
		}
		return calls, nil
	case "lambda":
		if m := regexp.MustCompile(`^/2015-03-31/functions/([^/]+)/invocations$`).FindStringSubmatch(in.URL.Path); m != nil && in.Method == http.MethodPost {
			return []call{{action: "lambda:InvokeFunction", resource: arn("lambda", "function:"+m[1])}}, nil
		}
	}
	return nil, fmt.Errorf("what does IAM ask for this? target %q", in.Header.Get("X-Amz-Target"))
}

// askedS3 reads a request with the bucket in its path.
func askedS3(in *http.Request) ([]call, error) {
	bucket, key, object := strings.Cut(strings.TrimPrefix(in.URL.Path, "/"), "/")
	object = object && key != ""
	q := in.URL.Query()
	action := ""
	switch {
	case !object && in.Method == http.MethodGet && q.Get("list-type") == "2":
		return []call{{action: "s3:ListBucket", resource: "arn:aws:s3:::" + bucket}}, nil
	case !object:
	case in.Method == http.MethodGet, in.Method == http.MethodHead:
		action = "s3:GetObject"
	case in.Method == http.MethodDelete && q.Has("uploadId"):
		action = "s3:AbortMultipartUpload"
	case in.Method == http.MethodDelete:
		action = "s3:DeleteObject"
	case in.Method == http.MethodPut, in.Method == http.MethodPost && (q.Has("uploads") || q.Has("uploadId")):
		action = "s3:PutObject"
	}
	if action == "" {
		return nil, fmt.Errorf("what does IAM ask for this?")
	}
	return []call{{action: action, resource: "arn:aws:s3:::" + bucket + "/" + key}}, nil
}
