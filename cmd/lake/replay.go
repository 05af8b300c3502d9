package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/assemble"
	"github.com/eventlake/lake/client"
	"github.com/eventlake/lake/config"
	"github.com/eventlake/lake/replay"
)

func newReplay(a *app) *cobra.Command {
	var types []string
	var from, to, target, speed, key string
	c := &cobra.Command{
		Use: "replay --to stream|URL|FILE", Short: "Publish a range of events again, with their original ids",
		Long: `Publish events from raw again: to this lake's own stream (where all of them are duplicates), to another lake
by URL, or as NDJSON to a file or standard output (-). Ids and bodies are the original ones, so nothing can
be counted twice wherever the receiver is a lake. It can be stopped and repeated at any moment.`,
		Example: "  lake replay --to - --type account | head\n  lake replay --to https://staging.example --key $KEY --from 2026-03-01 --speed 10x",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			args := assemble.ReplayArgs{To: "emit", Range: replay.Range{Types: types}}
			for flag, at := range map[*string]*lake.Instant{&from: &args.Range.From, &to: &args.Range.To} {
				day, err := parseDay(*flag)
				if err != nil {
					return err
				}
				if *flag != "" {
					*at = day.Start()
				}
			}
			var err error
			if args.Pace.Speed, err = parseSpeed(speed); err != nil {
				return err
			}
			args.Pace.MaxGap = time.Hour
			return a.with(c.Context(), func(s *session, _ config.Config) error {
				return a.replay(c.Context(), s, args, target, key)
			})
		},
	}
	f := c.Flags()
	f.StringVar(&target, "to", "", "stream, a URL (http:// or https://), a file, or -")
	f.StringSliceVar(&types, "type", nil, "only these event types")
	f.StringVar(&from, "from", "", "first day of the events' own time, YYYY-MM-DD (UTC)")
	f.StringVar(&to, "until", "", "day after the last, YYYY-MM-DD (UTC)")
	f.StringVar(&speed, "speed", "max", "times the speed at which the events were received, e.g. 10x; max is as fast as possible")
	f.StringVar(&key, "key", "", "write key of the receiving lake")
	if err := c.MarkFlagRequired("to"); err != nil {
		panic(err) // the flag is defined above
	}
	return c
}

func parseSpeed(s string) (float64, error) {
	if s == "max" {
		return 0, nil
	}
	f, err := strconv.ParseFloat(strings.TrimSuffix(s, "x"), 64)
	if err != nil || f <= 0 {
		return 0, &usageError{lake.Errorf(lake.ErrInvalid, "use a factor such as 10x, or max", "speed %q", s)}
	}
	return f, nil
}

func (a *app) replay(ctx context.Context, s *session, args assemble.ReplayArgs, target, key string) (err error) {
	var done replay.Published
	switch {
	case target == "stream":
		args.To = "stream"
		if err := s.do(ctx, assemble.OpReplay, args, nil, &done); err != nil {
			return err
		}
		err = s.settle(ctx)
	case strings.HasPrefix(target, "http://"), strings.HasPrefix(target, "https://"):
		err = a.replayHTTP(ctx, s, args, target, key, &done)
	default:
		err = a.replayFile(ctx, s, args, target, &done)
	}
	if err != nil {
		return err
	}
	if a.json {
		return json.NewEncoder(a.err).Encode(done)
	}
	fmt.Fprintf(a.err, "%s events published from %d raw files\n", count(done.Events), done.Files)
	return nil
}

// emitted calls each for every batch of events of the replay, and ends the
// replay when each fails.
func emitted(ctx context.Context, s *session, args assemble.ReplayArgs, done *replay.Published, each func([]assemble.ReplayEvent) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var failed error
	err := s.do(ctx, assemble.OpReplay, args, func(line json.RawMessage) {
		if failed != nil {
			return
		}
		var events []assemble.ReplayEvent
		if failed = json.Unmarshal(line, &events); failed == nil {
			failed = each(events)
		}
		if failed != nil {
			cancel()
		}
	}, done)
	if failed != nil {
		return failed
	}
	return err
}

func (a *app) replayFile(ctx context.Context, s *session, args assemble.ReplayArgs, target string, done *replay.Published) error {
	if target == "-" {
		target = ""
	}
	return a.toOutput(target, func(w io.Writer) error {
		return emitted(ctx, s, args, done, func(events []assemble.ReplayEvent) error {
			for _, e := range events {
				if _, err := io.WriteString(w, e.Body+"\n"); err != nil {
					return err
				}
			}
			return nil
		})
	})
}

// replayHTTP sends source by source, since a request belongs to one source.
func (a *app) replayHTTP(ctx context.Context, s *session, args assemble.ReplayArgs, url, key string, done *replay.Published) error {
	return emitted(ctx, s, args, done, func(events []assemble.ReplayEvent) error {
		bodies := map[lake.SourceID]*strings.Builder{}
		for _, e := range events {
			if bodies[e.Source] == nil {
				bodies[e.Source] = &strings.Builder{}
			}
			bodies[e.Source].WriteString(e.Body + "\n")
		}
		for source, body := range bodies {
			header := http.Header{}
			if key == "" {
				header.Set("X-Lake-Source", string(source))
			}
			if err := a.sendAll(ctx, client.Options{URL: url, Key: key, Header: header, Logger: a.quiet(config.Default())}, strings.NewReader(body.String())); err != nil {
				return err
			}
		}
		return nil
	})
}

// sendAll sends NDJSON to a lake and waits until it is acknowledged.
func (a *app) sendAll(ctx context.Context, o client.Options, r io.Reader) (err error) {
	c, err := client.New(o)
	if err != nil {
		return err
	}
	in, err := client.NewInput("replay", r)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, in.Close()) }()
	_, err = c.Send(ctx, in, client.Hooks{})
	return err
}
