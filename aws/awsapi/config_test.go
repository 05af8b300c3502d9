package awsapi_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/aws/awsapi"
)

// alone cuts the test off from the machine's AWS settings.
func alone(t *testing.T) {
	t.Helper()
	none := filepath.Join(t.TempDir(), "none")
	for name, value := range map[string]string{
		"AWS_CONFIG_FILE": none, "AWS_SHARED_CREDENTIALS_FILE": none, "AWS_EC2_METADATA_DISABLED": "true",
		"AWS_REGION": "", "AWS_DEFAULT_REGION": "", "AWS_PROFILE": "", "AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": "",
		"AWS_ENDPOINT_URL": "", "AWS_ENDPOINT_URL_DYNAMODB": "",
	} {
		t.Setenv(name, value)
	}
}

func TestConfigNeedsARegion(t *testing.T) {
	alone(t)
	if _, err := awsapi.Config(t.Context(), awsapi.Options{}); !errors.Is(err, lake.ErrInvalid) || lake.Hint(err) == "" {
		t.Fatalf("got %v, hint %q", err, lake.Hint(err))
	}
	t.Setenv("AWS_REGION", "eu-central-1")
	cfg, err := awsapi.Config(t.Context(), awsapi.Options{})
	if err != nil || cfg.Region != "eu-central-1" {
		t.Fatalf("region %q, %v", cfg.Region, err)
	}
}

func TestConfigRefusesAnUnknownProfile(t *testing.T) {
	alone(t)
	if _, err := awsapi.Config(t.Context(), awsapi.Options{Region: "us-east-1", Profile: "nobody"}); !errors.Is(err, lake.ErrInvalid) || lake.Hint(err) == "" {
		t.Fatalf("got %v", err)
	}
}

// client is a client of the SDK for a server, without tries of its own.
func client(t *testing.T, o awsapi.Options) *dynamodb.Client {
	t.Helper()
	cfg, err := awsapi.Config(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	return dynamodb.NewFromConfig(cfg, func(o *dynamodb.Options) { o.Retryer = aws.NopRetryer{} })
}

func list(ctx context.Context, c *dynamodb.Client) error {
	_, err := c.ListTables(ctx, &dynamodb.ListTablesInput{})
	return awsapi.Classify(err)
}

// TestRealClientErrors lets the SDK itself make the errors.
func TestRealClientErrors(t *testing.T) {
	alone(t)
	answer := func(status int, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/x-amz-json-1.0")
			w.WriteHeader(status)
			if _, err := w.Write([]byte(body)); err != nil {
				t.Error(err)
			}
		}
	}
	cut := func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }
	hang := func(_ http.ResponseWriter, r *http.Request) {
		// The server sees the client leave only once the body is read.
		if _, err := io.Copy(io.Discard, r.Body); err != nil {
			t.Error(err)
		}
		<-r.Context().Done()
	}
	for _, c := range []struct {
		name   string
		server http.HandlerFunc
		want   error
		within time.Duration // what is tried again is tried until then
	}{
		{"well", answer(200, `{"TableNames":[]}`), nil, time.Minute},
		{"throttled", answer(400, `{"__type":"com.amazonaws.dynamodb.v20120810#ThrottlingException","message":"Rate exceeded"}`), lake.ErrFull, 2 * time.Second},
		{"denied", answer(400, `{"__type":"com.amazon.coral.service#AccessDeniedException","Message":"no"}`), awsapi.ErrDenied, time.Minute},
		{"a proxy in between", answer(504, `<html>`), awsapi.ErrUnknown, 2 * time.Second},
		{"connection cut", cut, awsapi.ErrUnknown, 2 * time.Second},
		{"no answer in time", hang, awsapi.ErrUnknown, 500 * time.Millisecond},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := httptest.NewServer(c.server)
			defer s.Close()
			ctx, cancel := context.WithTimeout(t.Context(), c.within)
			defer cancel()
			err := list(ctx, client(t, awsapi.Options{Region: "us-east-1", Endpoint: s.URL, AccessKey: "test", SecretKey: "test"}))
			if !errors.Is(err, c.want) || c.want == nil && err != nil {
				t.Fatalf("got %v", err)
			}
		})
	}
	t.Run("nobody listens", func(t *testing.T) {
		s := httptest.NewServer(nil)
		s.Close()
		err := list(t.Context(), client(t, awsapi.Options{Region: "us-east-1", Endpoint: s.URL, AccessKey: "test", SecretKey: "test"}))
		if !errors.Is(err, awsapi.ErrUnreachable) || lake.Hint(err) == "" {
			t.Fatalf("got %v", err)
		}
	})
	t.Run("no credentials", func(t *testing.T) {
		err := list(t.Context(), client(t, awsapi.Options{Region: "us-east-1", Endpoint: "http://127.0.0.1:1"}))
		if !errors.Is(err, awsapi.ErrDenied) || lake.Hint(err) == "" {
			t.Fatalf("got %v", err)
		}
	})
	for _, status := range []int{403, 404} { // what a machine without a role says
		t.Run(fmt.Sprint("no role, status ", status), func(t *testing.T) {
			s := httptest.NewServer(answer(status, ""))
			defer s.Close()
			t.Setenv("AWS_EC2_METADATA_DISABLED", "false")
			t.Setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", s.URL)
			err := list(t.Context(), client(t, awsapi.Options{Region: "us-east-1", Endpoint: "http://127.0.0.1:1"}))
			if !errors.Is(err, awsapi.ErrDenied) || errors.Is(err, lake.ErrNotFound) || !strings.Contains(err.Error(), "no credentials for dynamodb:ListTables") ||
				!strings.Contains(lake.Hint(err), "set credentials") {
				t.Fatalf("got %v, hint %q", err, lake.Hint(err))
			}
		})
	}
	t.Run("endpoint of one service", func(t *testing.T) {
		s := httptest.NewServer(answer(200, `{"TableNames":[]}`))
		defer s.Close()
		t.Setenv("AWS_ENDPOINT_URL_DYNAMODB", s.URL)
		if err := list(t.Context(), client(t, awsapi.Options{Region: "us-east-1", AccessKey: "test", SecretKey: "test"})); err != nil {
			t.Fatal(err)
		}
	})
}
