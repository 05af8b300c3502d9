package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/eventlake/lake"
)

// Batch is events of one request.
type Batch struct {
	First  int64  // ordinal of the first event in its input, from 0
	Events int    // how many
	Body   []byte // one event a line, each line with its '\n'
}

// Refused is an event that was not accepted.
type Refused struct {
	Index  int         `json:"index"` // in the batch, from 0
	Reason lake.Reason `json:"reason"`
	Detail string      `json:"detail"`
}

// Ack is a batch that the lake has stored durably.
type Ack struct {
	Batch
	Quarantined []Refused // stored, but aside: the lake can show and retry them
	Dropped     []Refused // not stored: too large for any request
	Retries     int       // requests that were made again
}

// Post sends one batch and returns once the lake has stored it. It tries again
// after network errors, 429 and 5xx, as Retry-After says or with growing
// pauses, until the context ends or Options.Patience runs out (lake.ErrLimit).
// A batch that is too large for the lake is halved; other 4xx answers, and
// connections that no repeat can mend, are lake.ErrInvalid at once.
func (c *Client) Post(ctx context.Context, b Batch) (Ack, error) {
	ack := Ack{Batch: b}
	body, encoding := b.Body, ""
	if c.encoder != nil {
		body, encoding = c.encoder.EncodeAll(b.Body, make([]byte, 0, len(b.Body)/4)), "zstd"
	}
	for began := time.Now(); ; {
		quarantined, wait, err := c.try(ctx, body, encoding, b.Events)
		switch {
		case err == nil:
			c.success.Store(time.Now().UnixNano())
			ack.Quarantined = quarantined
			return ack, nil
		case errors.Is(err, errTooLarge):
			return c.halve(ctx, ack, err)
		case wait < 0:
			return ack, err
		case context.Cause(ctx) != nil:
			return ack, fmt.Errorf("send: %w", context.Cause(ctx))
		case c.o.Patience > 0 && c.sinceSuccess(began) > c.o.Patience:
			hint := lake.Hint(err)
			if hint == "" {
				hint = "is the lake running?"
			}
			return ack, hidden(lake.ErrLimit, hint+"; what was acknowledged is safe, and sending again is too",
				"no success for %s: %v", c.o.Patience, err)
		}
		ack.Retries++
		if pause := c.o.Backoff(ack.Retries); wait < pause {
			wait = pause
		}
		c.o.Logger.Log(ctx, c.retryLevel(ack.Retries), "send again", "after", wait, "try", ack.Retries+1, "error", err)
		if lake.Sleep(ctx, wait) != nil {
			return ack, fmt.Errorf("send: %w", context.Cause(ctx))
		}
	}
}

// sinceSuccess is the time since the client's last success, or since began.
func (c *Client) sinceSuccess(began time.Time) time.Duration {
	return time.Since(began) - max(0, time.Unix(0, c.success.Load()).Sub(began))
}

// retryLevel says aloud what lasts, once every few seconds for all connections
// together, and keeps the rest quiet.
func (c *Client) retryLevel(n int) slog.Level {
	now, last := time.Now().UnixNano(), c.warned.Load()
	if n < 3 || now-last < int64(5*time.Second) || !c.warned.CompareAndSwap(last, now) {
		return slog.LevelDebug
	}
	return slog.LevelWarn
}

// try makes one request. On an error, wait is the least pause before the next
// try, negative when another try cannot help.
func (c *Client) try(ctx context.Context, body []byte, encoding string, events int) (_ []Refused, wait time.Duration, err error) {
	ctx, cancel := context.WithTimeout(ctx, c.o.Timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.url, bytes.NewReader(body))
	if err != nil {
		return nil, -1, fmt.Errorf("make the request: %w", err)
	}
	for name, values := range c.o.Header {
		req.Header[name] = values
	}
	req.Header.Set("Content-Type", "application/x-ndjson")
	req.Header.Set("Prefer", "return=minimal")
	if encoding != "" {
		req.Header.Set("Content-Encoding", encoding)
	}
	if c.o.Key != "" {
		req.Header.Set("Authorization", "Bearer "+c.o.Key)
	}
	resp, err := c.o.HTTPClient.Do(req)
	if err != nil {
		if never := hopeless(err, c.success.Load() > 0); never != nil {
			return nil, -1, never
		}
		return nil, 0, err // http.Client names method and URL
	}
	text, err := io.ReadAll(io.LimitReader(resp.Body, 16<<20))
	if closing := resp.Body.Close(); err == nil {
		err = closing
	}
	if resp.StatusCode/100 != 2 { // whatever there is of the text
		return nil, retryAfter(resp), refusal(c.url, resp.StatusCode, text)
	}
	if err != nil {
		return nil, 0, fmt.Errorf("read the answer of %s: %w", c.url, err)
	}
	return accepted(text, events)
}

// accepted reads the answer to a stored request.
func accepted(text []byte, events int) ([]Refused, time.Duration, error) {
	var answer struct {
		Accepted    int `json:"accepted"`
		Quarantined int `json:"quarantined"`
		Results     []struct {
			Refused
			Status string `json:"status"`
		} `json:"results"`
	}
	if err := json.Unmarshal(text, &answer); err != nil {
		return nil, -1, lake.Errorf(lake.ErrInvalid, "is it a lake that answers there?", "the answer cannot be read: %v", err)
	}
	var quarantined []Refused
	for _, r := range answer.Results {
		if r.Status == "quarantined" {
			quarantined = append(quarantined, r.Refused)
		}
	}
	if answer.Accepted+answer.Quarantined != events || len(quarantined) != answer.Quarantined {
		return nil, -1, lake.Errorf(lake.ErrInvalid, "is it a lake that answers there, and is nothing between that changes requests?",
			"%d events were sent, the answer counts %d accepted and %d quarantined", events, answer.Accepted, answer.Quarantined)
	}
	return quarantined, 0, nil
}

// refusal makes an error of an answer that is not 2xx.
func refusal(url string, status int, text []byte) error {
	if status == http.StatusRequestEntityTooLarge {
		return errTooLarge
	}
	var answer struct {
		Error struct {
			Code, Message, Hint string
		} `json:"error"`
	}
	if err := json.Unmarshal(text, &answer); err != nil || answer.Error.Message == "" {
		answer.Error.Message = strings.ToValidUTF8(string(text[:min(len(text), 200)]), "?")
	}
	e := answer.Error
	what := strings.TrimRight(fmt.Sprintf("%s answered %d %s: %s", url, status, e.Code, e.Message), ": \n")
	switch {
	case e.Hint != "":
	case status/100 == 3:
		e.Hint = "use the address that it redirects to"
	case status == http.StatusBadRequest && strings.HasPrefix(url, "http://") && (len(text) == 0 || strings.Contains(e.Message, "HTTPS")):
		e.Hint = "does this port want https://?"
	case status == http.StatusUnauthorized, status == http.StatusForbidden:
		e.Hint = "what answers there wants to know who sends: --key KEY, or LAKE_KEY"
	case status == http.StatusNotFound, status == http.StatusMethodNotAllowed:
		e.Hint = "is it a lake that answers there? write its address without a path"
	}
	return hidden(lake.ErrInvalid, e.Hint, "%s", what)
}

// answered is an error whose text is what another program says; the kind that it
// has here would only confuse a reader.
type answered struct{ *lake.Hinted }

func hidden(kind error, hint, format string, args ...any) error {
	return &answered{&lake.Hinted{Kind: kind, What: fmt.Sprintf(format, args...), Hint: hint}}
}

func (a *answered) Error() string { return a.What }
func (a *answered) Unwrap() error { return a.Hinted }

// retryAfter is how long the answer asks to wait, negative when it is one that
// will not change.
func retryAfter(resp *http.Response) time.Duration {
	if resp.StatusCode != http.StatusTooManyRequests && resp.StatusCode != http.StatusRequestTimeout && resp.StatusCode < 500 {
		return -1
	}
	text := resp.Header.Get("Retry-After")
	if n, err := strconv.Atoi(text); err == nil && n >= 0 && n <= 3600 {
		return time.Duration(n) * time.Second
	}
	if at, err := http.ParseTime(text); err == nil {
		return max(0, min(time.Until(at), time.Hour))
	}
	return 0
}

// backoff is 100 ms doubling up to 10 s, of which a random half is taken off so
// that clients do not come back together.
func backoff(n int) time.Duration {
	d := 10 * time.Second
	if n < 8 {
		d = 100 * time.Millisecond << (n - 1)
	}
	return d/2 + rand.N(d/2)
}

// leastRequest is what every lake takes: limits.request_bytes cannot be lower.
const leastRequest = 1 << 10

// halve posts both halves of a batch that is too large; a single event that is
// too large is dropped.
func (c *Client) halve(ctx context.Context, ack Ack, err error) (Ack, error) {
	if ack.Events == 1 && len(ack.Body) <= leastRequest && c.success.Load() == 0 {
		return ack, lake.Errorf(lake.ErrInvalid, "is there a proxy in front that limits requests?", "%s takes not even %d bytes: %v", c.url, len(ack.Body), err)
	}
	if ack.Events == 1 {
		ack.Dropped = []Refused{{Reason: lake.ReasonTooLarge, Detail: err.Error()}}
		return ack, nil
	}
	half := ack.Events / 2
	cut := 0
	for range half {
		cut += bytes.IndexByte(ack.Body[cut:], '\n') + 1
	}
	for _, part := range []Batch{
		{First: ack.First, Events: half, Body: ack.Body[:cut]},
		{First: ack.First + int64(half), Events: ack.Events - half, Body: ack.Body[cut:]},
	} {
		a, err := c.Post(ctx, part)
		if err != nil {
			return ack, err
		}
		ack.Retries += a.Retries + 1
		shift := int(part.First - ack.First)
		ack.Quarantined = append(ack.Quarantined, shifted(a.Quarantined, shift)...)
		ack.Dropped = append(ack.Dropped, shifted(a.Dropped, shift)...)
	}
	return ack, nil
}

func shifted(refused []Refused, by int) []Refused {
	for i := range refused {
		refused[i].Index += by
	}
	return refused
}
