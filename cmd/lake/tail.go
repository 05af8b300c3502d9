package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/assemble"
	"github.com/eventlake/lake/config"
)

func newTail(a *app) *cobra.Command {
	var args assemble.TailArgs
	var sources, types []string
	var forget bool
	c := &cobra.Command{
		Use: "tail", Short: "Show events as they come into the stream",
		Long: `Show the newest events of the stream, and with --follow those that come from now on: as they were sent,
before duplicates are dropped, with the name that today's mapping gives them or the reason why they are refused.

With --consumer NAME it is a subscription: the position is kept under the name, and the next lake tail of that
name goes on behind it; a new name begins at the oldest event that the stream keeps. Every event comes at least
once, a few come again after a kill; order holds within a shard. What a consumer has not read the stream keeps
beyond its retention, as long as stream.retain_size allows; --forget ends that.`,
		Example: "  lake tail\n  lake tail -n 0 --follow --source shop\n  lake tail --json | jq .event\n" +
			"  lake tail --consumer search --follow --json | ./index\n  lake tail --consumer search --forget",
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			args.Types = partitionTypes(types)
			for _, s := range sources {
				if err := lake.SourceID(s).Validate(); err != nil {
					return &usageError{err}
				}
				args.Sources = append(args.Sources, lake.SourceID(s))
			}
			if forget && args.Consumer == "" {
				return &usageError{lake.Errorf(lake.ErrInvalid, "add --consumer NAME", "--forget")}
			}
			if args.Consumer != "" && c.Flags().Changed("lines") {
				return &usageError{lake.Errorf(lake.ErrInvalid, "leave one of them out: a consumer goes on where it was", "--lines with --consumer")}
			}
			return a.with(c.Context(), func(s *session, _ config.Config) error {
				if forget {
					return s.do(c.Context(), assemble.OpTailForget, assemble.TailSave{Consumer: args.Consumer}, nil, nil)
				}
				if args.Follow && !s.running {
					return lake.Errorf(lake.ErrInvalid, "start it with lake up, or leave --follow out", "nothing comes while the lake does not run")
				}
				return a.tail(c.Context(), s, args)
			})
		},
	}
	f := c.Flags()
	f.IntVarP(&args.Lines, "lines", "n", 10, "how many of the newest events to begin with; -1 is all that the stream keeps")
	f.BoolVarP(&args.Follow, "follow", "f", false, "go on with the events that come, until Ctrl-C")
	f.StringSliceVar(&types, "type", nil, "only these event types")
	f.StringSliceVar(&sources, "source", nil, "only events of these sources")
	f.StringVar(&args.Consumer, "consumer", "", "keep the position under this name and go on from it")
	f.BoolVar(&forget, "forget", false, "forget the consumer and its position")
	return c
}

// tail prints what the operation emits. A consumer's position is saved once
// the events are written.
func (a *app) tail(ctx context.Context, s *session, args assemble.TailArgs) error {
	reading, stop := context.WithCancel(ctx)
	defer stop()
	p := &tailPrinter{app: a, out: bufio.NewWriterSize(a.out, 64<<10)}
	var failed error
	err := s.do(reading, assemble.OpTail, args, func(line json.RawMessage) {
		if failed != nil {
			return
		}
		if failed = p.batch(line); failed == nil && args.Consumer != "" {
			// What was written is saved even when Ctrl-C ends the reading now.
			failed = s.do(context.WithoutCancel(ctx), assemble.OpTailSave, assemble.TailSave{Consumer: args.Consumer, Positions: p.at}, nil, nil)
		}
		if failed != nil {
			stop()
		}
	}, nil)
	if failed != nil {
		err = failed
	} else if args.Follow && ctx.Err() != nil {
		return nil // Ctrl-C is how it ends
	}
	if errors.Is(err, lake.ErrClosed) {
		return lake.Errorf(lake.ErrClosed, "start it again once the lake is up; with --consumer it goes on where it was", "the lake has stopped")
	}
	return err
}

// tailPrinter writes batches as lines.
type tailPrinter struct {
	*app
	out *bufio.Writer
	at  map[lake.ShardID]lake.Position
	buf bytes.Buffer
}

// batch returns once the events are written.
func (p *tailPrinter) batch(line json.RawMessage) error {
	var b assemble.TailBatch
	if err := json.Unmarshal(line, &b); err != nil {
		return err
	}
	if b.Missed > 0 {
		fmt.Fprintf(p.err, "missed: %s events that the stream no longer keeps (stream.retention, stream.retain_size); the tables have them\n", count(b.Missed))
	}
	for i := range b.Events {
		write := p.text
		if p.json {
			write = p.object
		}
		if err := write(&b.Events[i]); err != nil {
			return err
		}
	}
	if p.at == nil {
		p.at = map[lake.ShardID]lake.Position{}
	}
	maps.Copy(p.at, b.Positions)
	return p.out.Flush()
}

// text writes an event for people: when, where, whose, what, and the body.
func (p *tailPrinter) text(e *assemble.TailEvent) error {
	what := e.Type + ":" + e.Subtype
	if e.Reason != "" {
		what = "refused:" + string(e.Reason)
	}
	body := visible(e.Body)
	if e.Base64 != nil {
		body = fmt.Sprintf("%q", e.Base64)
	}
	_, err := fmt.Fprintf(p.out, "%s  %s:%s  %s  %s  %s\n", e.Received, e.Shard, e.Position, e.Source, visible(what), body)
	return err
}

// visible is text in one line that a terminal shows and does not obey: whoever
// may send events could write to the operator's terminal else.
func visible(text string) string {
	text = strings.ToValidUTF8(text, "\ufffd")
	if !strings.ContainsFunc(text, func(r rune) bool { return !strconv.IsPrint(r) }) {
		return text
	}
	var b strings.Builder
	for _, r := range text {
		switch {
		case r == '\n' || r == '\r' || r == '\t':
			b.WriteByte(' ')
		case strconv.IsPrint(r):
			b.WriteRune(r)
		default:
			quoted := strconv.QuoteRuneToASCII(r)
			b.WriteString(quoted[1 : len(quoted)-1])
		}
	}
	return b.String()
}

// object writes an event for scripts: one JSON object a line. event is the body
// as JSON where it can be taken, else body is its text.
func (p *tailPrinter) object(e *assemble.TailEvent) error {
	out := struct {
		assemble.TailEvent
		Event json.RawMessage `json:"event,omitempty"`
	}{TailEvent: *e}
	if e.Reason == "" {
		out.Event, out.Body = json.RawMessage(e.Body), ""
	}
	p.buf.Reset()
	enc := json.NewEncoder(&p.buf)
	enc.SetEscapeHTML(false) // as it was sent
	if err := enc.Encode(out); err != nil {
		return err
	}
	_, err := p.out.Write(p.buf.Bytes())
	return err
}
