package cloud

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/aws/aws-lambda-go/lambda"

	"github.com/eventlake/lake"
)

// startTime bounds what a Lambda does before its first call; Lambda itself
// allows ten seconds.
const startTime = 9 * time.Second

// Start makes the handler of a Lambda and serves calls with it for ever. When
// it cannot be made the process ends with the reason on stderr, which Lambda
// shows as an error of the initialization.
func Start(handler func(context.Context, *Cloud) (lambda.Handler, error)) {
	log := Logger(slog.LevelInfo)
	ctx, cancel := context.WithTimeout(context.Background(), startTime)
	c, err := Open(ctx, os.Environ(), log)
	var h lambda.Handler
	if err == nil {
		h, err = handler(ctx, c)
	}
	cancel()
	if err != nil {
		log.Error("start", "error", err, "hint", lake.Hint(err))
		fmt.Fprintln(os.Stderr, withHint(err))
		os.Exit(1)
	}
	lambda.Start(Answering{h})
}
