package cloud_test

import (
	"errors"
	"log/slog"
	"strconv"
	"strings"
	"testing"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/assemble/cloud"
	"github.com/eventlake/lake/aws/firehose"
)

// TestEventsDeeperThanFirehoseReadsAreNotTaken: they would all end under its
// error prefix.
func TestEventsDeeperThanFirehoseReadsAreNotTaken(t *testing.T) {
	t.Setenv("AWS_REGION", "eu-west-1")
	t.Chdir(t.TempDir())
	for _, tt := range []struct {
		firehose string
		depth    int
		ok       bool
	}{
		{"raw", firehose.MaxDepth, true}, {"raw", firehose.MaxDepth + 1, false}, {"", firehose.MaxDepth + 1, true},
	} {
		env := []string{"LAKE_AWS_FIREHOSE=" + tt.firehose, "LAKE_LIMITS_DEPTH=" + strconv.Itoa(tt.depth)}
		_, err := cloud.Open(t.Context(), env, slog.New(slog.DiscardHandler))
		if (err == nil) != tt.ok {
			t.Errorf("%+v: %v", tt, err)
		}
		if !tt.ok && (!errors.Is(err, lake.ErrInvalid) || !strings.Contains(err.Error(), "limits.depth") || !strings.Contains(lake.Hint(err), "aws.firehose")) {
			t.Errorf("%v, hint %q", err, lake.Hint(err))
		}
	}
}
