package main

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"
	"net/http"
	"os"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/assemble"
	"github.com/eventlake/lake/client"
	"github.com/eventlake/lake/collect"
	"github.com/eventlake/lake/config"
	"github.com/eventlake/lake/replay"
)

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
	args.OneSource = true
	to := a.out
	var file *os.File
	// The file is made with the first events: a replay that is refused leaves an
	// older one as it is.
	open := func() (err error) {
		if file == nil && target != "-" {
			file, err = os.Create(target)
			to = file
		}
		return err
	}
	err := emitted(ctx, s, args, done, func(events []assemble.ReplayEvent) error {
		if err := open(); err != nil {
			return err
		}
		var lines []byte
		for _, e := range events {
			lines = append(append(lines, e.Body...), '\n')
		}
		_, err := to.Write(lines)
		return err
	})
	if err == nil {
		err = open()
	}
	if file != nil {
		err = errors.Join(err, file.Close())
	}
	return err
}

// receiver is another lake, with a client for each source, since a request's
// events are of one source.
type receiver struct {
	*app
	url, key string
	ca       *x509.CertPool
	clients  map[lake.SourceID]*client.Client
}

// post returns when the other lake has stored the events.
func (r *receiver) post(ctx context.Context, events []assemble.ReplayEvent) error {
	batches := map[lake.SourceID]*client.Batch{}
	for _, e := range events {
		b := batches[e.Source]
		if b == nil {
			b = &client.Batch{}
			batches[e.Source] = b
		}
		b.Body = append(append(b.Body, e.Body...), '\n')
		b.Events++
	}
	for source, b := range batches {
		c, err := r.client(source)
		if err != nil {
			return err
		}
		ack, err := c.Post(ctx, *b)
		if err != nil {
			return err
		}
		if n := len(ack.Dropped); n > 0 {
			return lake.Errorf(lake.ErrLimit, "raise limits.request_bytes there", "%d events of source %s are too large for %s", n, source, r.url)
		}
	}
	return nil
}

func (r *receiver) client(source lake.SourceID) (*client.Client, error) {
	if c := r.clients[source]; c != nil {
		return c, nil
	}
	c, err := client.New(client.Options{
		URL: r.url, Key: r.key, CA: r.ca, Header: http.Header{collect.HeaderSource: {string(source)}}, Logger: r.quiet(config.Default()),
	})
	if err == nil {
		r.clients[source] = c
	}
	return c, err
}
