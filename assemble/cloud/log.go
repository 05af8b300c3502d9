package cloud

import (
	"fmt"
	"log/slog"

	"github.com/aws/smithy-go/logging"
)

// sdkLog takes what the SDK says about single calls. A call that fails is told
// of where it was made; what the SDK adds, a line for each of the claims that
// are called off when one is throttled, is for debugging.
type sdkLog struct{ log *slog.Logger }

// Logf implements logging.Logger.
func (l sdkLog) Logf(_ logging.Classification, format string, args ...any) {
	l.log.Debug("sdk", "message", fmt.Sprintf(format, args...))
}
