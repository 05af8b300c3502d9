package awsapi_test

import (
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/eventlake/lake/aws/awsapi"
)

func TestWhatFailsForAMinuteIsAnError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var f awsapi.Failing
		for range 2 { // what works in between begins anew
			for _, step := range []struct {
				after time.Duration
				want  slog.Level
			}{{0, slog.LevelWarn}, {59 * time.Second, slog.LevelWarn}, {time.Second, slog.LevelError}, {time.Hour, slog.LevelError}} {
				time.Sleep(step.after)
				if got := f.Failed(); got != step.want {
					t.Errorf("%v after %v", got, step.after)
				}
			}
			f.Worked()
		}
	})
}
