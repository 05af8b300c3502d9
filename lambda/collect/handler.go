// Package collect is the Lambda in front of the stream: the collector's HTTP
// handler behind a function URL or an API Gateway HTTP API (payload version 2.0).
package collect

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"

	"github.com/aws/aws-lambda-go/events"
	"github.com/awslabs/aws-lambda-go-api-proxy/httpadapter"

	"github.com/eventlake/lake"
)

// Handler serves requests that arrive as payloads.
type Handler struct{ adapter *httpadapter.HandlerAdapterV2 }

// New returns a Handler for the HTTP handler.
func New(h http.Handler) *Handler { return &Handler{httpadapter.NewV2(h)} }

// Invoke answers one request. An error is a payload that is no request; what a
// client does wrong is an answer with a status.
func (h *Handler) Invoke(ctx context.Context, payload []byte) ([]byte, error) {
	var in events.APIGatewayV2HTTPRequest
	if err := json.Unmarshal(payload, &in); err != nil {
		return nil, fmt.Errorf("request payload: %w: %w", err, lake.ErrInvalid)
	}
	if in.RequestContext.HTTP.Method == "" {
		return nil, lake.Errorf(lake.ErrInvalid, "use payload format version 2.0", "the payload is no HTTP request")
	}
	out, err := h.adapter.ProxyWithContext(ctx, in)
	if err != nil {
		return nil, fmt.Errorf("answer %s: %w", in.RawPath, err)
	}
	return json.Marshal(out)
}
