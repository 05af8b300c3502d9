package collect_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"testing"

	"github.com/aws/aws-lambda-go/events"
	"github.com/klauspost/compress/gzip"

	"github.com/eventlake/lake"
	stage "github.com/eventlake/lake/collect"
	"github.com/eventlake/lake/laketest/memory"
	"github.com/eventlake/lake/lambda/collect"
	"github.com/eventlake/lake/transform"
)

func handler(t *testing.T) (*collect.Handler, *memory.Stream) {
	t.Helper()
	tr, err := transform.New(transform.DefaultMapping())
	if err != nil {
		t.Fatal(err)
	}
	stream := memory.NewStream(2)
	h, err := stage.New(stage.Config{Stream: stream, Sources: func(lake.SourceID) *transform.Transformer { return tr }, AnySource: true})
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle("/v1/events", h)
	return collect.New(mux), stream
}

func post(t *testing.T, h *collect.Handler, path string, body []byte, headers map[string]string) events.APIGatewayV2HTTPResponse {
	t.Helper()
	in := events.APIGatewayV2HTTPRequest{Version: "2.0", RawPath: path, Headers: headers, Body: base64.StdEncoding.EncodeToString(body), IsBase64Encoded: true}
	in.RequestContext.HTTP.Method, in.RequestContext.HTTP.Path, in.RequestContext.DomainName = "POST", path, "x.lambda-url.us-east-1.on.aws"
	payload, err := json.Marshal(in)
	if err != nil {
		t.Fatal(err)
	}
	out, err := h.Invoke(t.Context(), payload)
	if err != nil {
		t.Fatal(err)
	}
	var back events.APIGatewayV2HTTPResponse
	if err := json.Unmarshal(out, &back); err != nil {
		t.Fatal(err)
	}
	return back
}

func stored(t *testing.T, s *memory.Stream) (bodies []string) {
	t.Helper()
	shards, err := s.Shards(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, shard := range shards {
		var b lake.Batch
		if err := s.Read(t.Context(), shard.ID, lake.Position{}, 1<<20, &b); err != nil {
			t.Fatal(err)
		}
		for _, r := range b.Records {
			bodies = append(bodies, string(r.Body))
		}
	}
	slices.Sort(bodies)
	return bodies
}

func TestARequestThroughTheGatewayIsTaken(t *testing.T) {
	h, stream := handler(t)
	a, b := `{"event_uuid":"1","event_name":"a:b","created_at":1767225600}`, `{"event_uuid":"2","broken`
	var packed bytes.Buffer
	zw := gzip.NewWriter(&packed)
	if _, err := zw.Write([]byte(a + "\n" + b)); err != nil || zw.Close() != nil {
		t.Fatal(err)
	}
	out := post(t, h, "/v1/events", packed.Bytes(), map[string]string{"content-type": "application/x-ndjson", "content-encoding": "gzip"})
	if out.StatusCode != http.StatusAccepted || !bytes.Contains([]byte(out.Body), []byte("malformed_json")) {
		t.Fatalf("%d %s", out.StatusCode, out.Body)
	}
	if got := stored(t, stream); !slices.Equal(got, []string{a, b}) {
		t.Fatalf("%q", got)
	}
}

func TestWhatAClientDoesWrongIsAnAnswer(t *testing.T) {
	h, stream := handler(t)
	for _, test := range []struct {
		path, body string
		headers    map[string]string
		want       int
	}{
		{"/v1/events", "", nil, http.StatusBadRequest},
		{"/v1/nothing", "{}", nil, http.StatusNotFound},
		{"/v1/events", "x", map[string]string{"content-encoding": "br"}, http.StatusUnsupportedMediaType},
	} {
		if out := post(t, h, test.path, []byte(test.body), test.headers); out.StatusCode != test.want {
			t.Errorf("%s %q: %d %s", test.path, test.body, out.StatusCode, out.Body)
		}
	}
	if got := stored(t, stream); len(got) > 0 {
		t.Errorf("stored %q", got)
	}
}

func TestAPayloadThatIsNoRequestIsAnError(t *testing.T) {
	h, _ := handler(t)
	for _, in := range []string{``, `{}`, `{"Records":[]}`, `{"httpMethod":"POST","path":"/v1/events"}`} {
		if _, err := h.Invoke(t.Context(), []byte(in)); !errors.Is(err, lake.ErrInvalid) {
			t.Errorf("%s: %v", in, err)
		}
	}
}
