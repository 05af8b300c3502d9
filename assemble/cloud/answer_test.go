package cloud_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/aws/aws-lambda-go/lambda/messages"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/assemble/cloud"
)

// handler returns its error.
type handler struct{ err error }

func (h handler) Invoke(context.Context, []byte) ([]byte, error) { return []byte("ok"), h.err }

func TestAnAnswerHasKindAndHint(t *testing.T) {
	hinted := lake.Errorf(lake.ErrInvalid, `use "stream" or "table"`, "target %q", "x")
	for _, tt := range []struct {
		err           error
		kind, message string
	}{
		{hinted, "Invalid", `target "x": invalid; hint: use "stream" or "table"`},
		{errors.Join(fmt.Errorf("shard 1: %w", hinted), errors.New("more")), "Invalid", "shard 1: target \"x\": invalid\nmore; hint: use \"stream\" or \"table\""},
		{fmt.Errorf("audit: %w", lake.ErrCorrupt), "Corrupt", "audit: corrupt"},
		{errors.New("odd"), "Failed", "odd"},
	} {
		_, err := cloud.Answering{Handler: handler{tt.err}}.Invoke(t.Context(), nil)
		var said messages.InvokeResponse_Error                                                                 // Lambda's client sends this very type as it is
		if said, _ = err.(messages.InvokeResponse_Error); said.Type != tt.kind || said.Message != tt.message { //nolint:errorlint // as the client does
			t.Errorf("%#v", err)
		}
	}
	if out, err := (cloud.Answering{Handler: handler{}}).Invoke(t.Context(), nil); err != nil || string(out) != "ok" {
		t.Errorf("%s %v", out, err)
	}
}
