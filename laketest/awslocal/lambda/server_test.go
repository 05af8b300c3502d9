package lambda_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	sdk "github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/eventlake/lake/laketest/awslocal/lambda"
)

// mirror answers an HTTP event with what it was given.
func mirror(_ context.Context, r events.APIGatewayV2HTTPRequest) (events.APIGatewayV2HTTPResponse, error) {
	if r.RawPath == "/fail" {
		return events.APIGatewayV2HTTPResponse{}, errors.New("no")
	}
	body := r.Body
	if r.IsBase64Encoded {
		b, err := base64.StdEncoding.DecodeString(r.Body)
		if err != nil {
			return events.APIGatewayV2HTTPResponse{}, err
		}
		body = string(b)
	}
	return events.APIGatewayV2HTTPResponse{
		StatusCode: 202, Body: base64.StdEncoding.EncodeToString([]byte(r.RequestContext.HTTP.Method + " " + r.RawPath + "?" + r.RawQueryString + " " + body)), IsBase64Encoded: true,
		Headers: map[string]string{"X-Was": r.Headers["x-key"]},
	}, nil
}

func TestHTTPGoesThroughAFunction(t *testing.T) {
	t.Parallel()
	f := start(t, lambda.Config{Env: map[string]string{beBootstrap: "mirror"}})
	server := httptest.NewServer(lambda.URL(f))
	t.Cleanup(server.Close)
	for _, c := range []struct{ kind, path, body, want string }{
		{"application/json", "/v1/events?a=b", `{"x":1}`, `POST /v1/events?a=b {"x":1}`},
		{"application/octet-stream", "/v1/events", "\x00\xff", "POST /v1/events? \x00\xff"},
		{"application/json", "/a%20b", "", "POST /a%20b? "},
	} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server.URL+c.path, strings.NewReader(c.body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", c.kind)
		req.Header.Set("X-Key", "secret")
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(res.Body)
		if err != nil || res.StatusCode != 202 || string(got) != c.want || res.Header.Get("X-Was") != "secret" {
			t.Errorf("%s: %d %q %q, %v; want %q", c.path, res.StatusCode, got, res.Header.Get("X-Was"), err, c.want)
		}
	}
	for path, c := range map[string]struct {
		body []byte
		want int
	}{"/fail": {nil, 502}, "/large": {bytes.Repeat([]byte("x"), lambda.PayloadLimit), 413}} {
		res, err := http.Post(server.URL+path, "text/plain", bytes.NewReader(c.body))
		if err != nil {
			t.Fatal(err)
		}
		if res.StatusCode != c.want {
			t.Errorf("%s: %d, want %d", path, res.StatusCode, c.want)
		}
	}
}

func TestFunctionsAreInvokedByTheAPI(t *testing.T) {
	t.Parallel()
	f := start(t, lambda.Config{})
	s := lambda.NewServer(func(name string) *lambda.Function {
		if name == "echo" {
			return f
		}
		return nil
	})
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	t.Cleanup(s.Close)
	client := sdk.NewFromConfig(aws.Config{
		Region: "us-east-1", BaseEndpoint: &server.URL, RetryMaxAttempts: 1, Credentials: credentials.NewStaticCredentialsProvider("test", "test", ""),
	})
	out, err := client.Invoke(t.Context(), &sdk.InvokeInput{FunctionName: aws.String("echo"), Payload: []byte(`{}`)})
	if err != nil || out.FunctionError != nil || !json.Valid(out.Payload) {
		t.Errorf("a synchronous invocation: %+v, %v", out, err)
	}
	out, err = client.Invoke(t.Context(), &sdk.InvokeInput{FunctionName: aws.String("echo"), Payload: []byte(`{"do":"fail"}`)})
	if err != nil || aws.ToString(out.FunctionError) != "Unhandled" || !strings.Contains(string(out.Payload), "no such luck") {
		t.Errorf("a failing invocation: %+v, %v", out, err)
	}
	before := f.Stats().Invocations
	out, err = client.Invoke(t.Context(), &sdk.InvokeInput{FunctionName: aws.String("echo"), InvocationType: types.InvocationTypeEvent, Payload: []byte(`{"do":"fail"}`)})
	if err != nil || out.StatusCode != 202 {
		t.Errorf("an asynchronous invocation: %+v, %v", out, err)
	}
	s.Wait()
	if n := f.Stats().Invocations - before; n != 3 {
		t.Errorf("a failing asynchronous invocation ran %d times, want 3", n)
	}
	_, err = client.Invoke(t.Context(), &sdk.InvokeInput{FunctionName: aws.String("other")})
	var missing *types.ResourceNotFoundException
	if !errors.As(err, &missing) {
		t.Errorf("an unknown function: %v", err)
	}
}

func TestThrottlingReachesTheCaller(t *testing.T) {
	t.Parallel()
	busy := make(chan int, 1)
	f := start(t, lambda.Config{Concurrency: 1, Fault: func(n int) lambda.Fault { busy <- n; return lambda.Fault{} }})
	server := httptest.NewServer(lambda.NewServer(func(string) *lambda.Function { return f }))
	t.Cleanup(server.Close)
	done := make(chan error, 1)
	go func() {
		_, _, err := invoke(t, f, request{Sleep: time.Second})
		done <- err
	}()
	<-busy
	res, err := http.Post(server.URL+"/2015-03-31/functions/echo/invocations", "application/json", strings.NewReader("{}"))
	if err != nil {
		t.Fatal(err)
	}
	if res.StatusCode != http.StatusTooManyRequests || res.Header.Get("X-Amzn-Errortype") != "TooManyRequestsException" {
		t.Errorf("status %d, %v", res.StatusCode, res.Header)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
}
