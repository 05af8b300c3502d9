package main

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/assemble"
	"github.com/eventlake/lake/client"
	"github.com/eventlake/lake/config"
	"github.com/eventlake/lake/replay"
	"github.com/eventlake/lake/transform"
)

func newReplay(a *app) *cobra.Command {
	var types, sources []string
	var from, to, target, speed, ca string
	var other receiver
	c := &cobra.Command{
		Use: "replay --to stream|URL|FILE", Short: "Publish a range of events again, with their original ids",
		Long: `Publish events from raw again: to this lake's own stream (where all of them are duplicates), to another lake
by URL, or as NDJSON to a file or standard output (-). Ids and bodies are the original ones, so nothing can
be counted twice wherever the receiver is a lake that reads them by the same rules: its own stream refuses
events whose id, name or time is another by today's lake.yaml. It can be stopped and repeated at any moment.

An id belongs to a source, and a line does not say which. So a file takes the events of one source: choose it
with --source where the lake has several, and send it with lake send --source NAME FILE. Another lake is told
the source of each event: with keys, use a write key of that source, or an admin key for all.`,
		Example: "  lake replay --to account.ndjson --source shop --type account\n  lake replay --to - | head\n" +
			"  lake replay --to https://staging.example --key $KEY --from 2026-03-01 --speed 10x",
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			args := assemble.ReplayArgs{To: "emit", Range: replay.Range{Types: partitionTypes(types)}}
			for _, s := range sources {
				if err := lake.SourceID(s).Validate(); err != nil {
					return &usageError{err}
				}
				args.Range.Sources = append(args.Range.Sources, lake.SourceID(s))
			}
			for flag, at := range map[*string]**lake.Instant{&from: &args.Range.From, &to: &args.Range.To} {
				day, err := parseDay(*flag)
				if err != nil {
					return err
				}
				if day != nil {
					*at = new(day.Start())
				}
			}
			if err := args.Range.Validate(); err != nil {
				return &usageError{err}
			}
			var err error
			if args.Pace.Speed, err = parseSpeed(speed); err != nil {
				return err
			}
			args.Pace.MaxGap = time.Hour
			if other.ca, err = a.authorities(ca); err != nil {
				return err
			}
			return a.with(c.Context(), func(s *session, _ config.Config) error {
				return a.replay(c.Context(), s, args, target, other)
			})
		},
	}
	f := c.Flags()
	f.StringVar(&target, "to", "", "stream, a URL (http:// or https://), a file, or -")
	f.StringSliceVar(&types, "type", nil, "only these event types")
	f.StringSliceVar(&sources, "source", nil, "only events of these sources")
	f.StringVar(&from, "from", "", "first day of the events' own time, YYYY-MM-DD (UTC)")
	f.StringVar(&to, "until", "", "day after the last, YYYY-MM-DD (UTC)")
	f.StringVar(&speed, "speed", "max", "times the speed at which the events were received, e.g. 10x; max is as fast as possible")
	f.StringVar(&other.key, "key", "", "write key of the receiving lake")
	f.StringVar(&ca, "ca", "", caUsage)
	if err := c.MarkFlagRequired("to"); err != nil {
		panic(err) // the flag is defined above
	}
	return c
}

// partitionTypes are the names by which the lake keeps events of these types.
func partitionTypes(types []string) (out []string) {
	for _, t := range types {
		out = append(out, transform.PathSafe(t))
	}
	return out
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

func (a *app) replay(ctx context.Context, s *session, args assemble.ReplayArgs, target string, other receiver) (err error) {
	var done replay.Published
	switch {
	case target == "stream":
		args.To = "stream"
		if err := s.do(ctx, assemble.OpReplay, args, nil, &done); err != nil {
			return err
		}
		err = s.settle(ctx)
	case strings.HasPrefix(target, "http://"), strings.HasPrefix(target, "https://"):
		other.app, other.url, other.clients = a, target, map[lake.SourceID]*client.Client{}
		err = emitted(ctx, s, args, &done, func(events []assemble.ReplayEvent) error { return other.post(ctx, events) })
	default:
		err = a.replayFile(ctx, s, args, target, &done)
	}
	if err != nil {
		return err
	}
	out := a.err // standard output may be the target
	if target != "-" {
		out = a.out
	}
	if a.json {
		return json.NewEncoder(out).Encode(done)
	}
	fmt.Fprintf(out, "%s events published from %d raw files\n", count(done.Events), done.Files)
	return nil
}
