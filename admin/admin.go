// Package admin lets the commands of the same machine work through the lake
// that is running: the process that holds the data directory offers its
// operations on a loopback port, behind a random token that only the owner of
// the data directory can read.
package admin

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/eventlake/lake"
)

// Op is one operation: arguments and result are JSON values, emit reports
// progress in between. The context ends when the caller goes away.
type Op func(ctx context.Context, args json.RawMessage, emit func(progress any)) (result any, err error)

// Ops is the operations by name.
type Ops map[string]Op

// Do runs an operation in this process.
func (o Ops) Do(ctx context.Context, name string, args any, progress func(json.RawMessage), result any) error {
	op, ok := o[name]
	if !ok {
		return fmt.Errorf("operation %q: %w", name, lake.ErrNotFound)
	}
	in, err := json.Marshal(args)
	if err != nil {
		return err
	}
	var broken error
	out, err := op(ctx, in, func(p any) {
		if progress == nil {
			return
		}
		line, err := json.Marshal(p)
		if err != nil {
			broken = err
			return
		}
		progress(line)
	})
	if err = errors.Join(err, broken); err != nil {
		return err
	}
	return transfer(out, result)
}

func transfer(from, to any) error {
	if to == nil {
		return nil
	}
	b, err := json.Marshal(from)
	if err != nil {
		return err
	}
	return json.Unmarshal(b, to)
}

// line is one line of an answer; one of the fields is set, or none: such a line
// only says that the process lives.
type line struct {
	Progress json.RawMessage `json:"progress,omitempty"`
	Result   json.RawMessage `json:"result,omitempty"`
	Error    *failure        `json:"error,omitempty"`
}

// failure carries an error with its kind and hint to the other process.
type failure struct {
	What string `json:"what"`
	Kind string `json:"kind,omitempty"`
	Hint string `json:"hint,omitempty"`
}

// kinds are the errors that keep their identity on the way.
func kinds() []error {
	return []error{lake.ErrNotFound, lake.ErrExists, lake.ErrStale, lake.ErrTrimmed, lake.ErrCorrupt, lake.ErrFull,
		lake.ErrInvalid, lake.ErrLocked, lake.ErrClosed, lake.ErrLimit}
}

// Handler serves the operations at POST /admin/NAME as a stream of JSON lines.
func Handler(ops Ops, token string, log *slog.Logger) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /admin/{op}", func(w http.ResponseWriter, r *http.Request) {
		if subtle.ConstantTimeCompare([]byte(r.Header.Get("Authorization")), []byte("Bearer "+token)) != 1 {
			http.Error(w, "the token in the data directory's lock file is needed", http.StatusUnauthorized)
			return
		}
		var args json.RawMessage
		if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<20)).Decode(&args); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		out := &answer{w: w}
		defer out.beat()()
		var result json.RawMessage
		err := ops.Do(r.Context(), r.PathValue("op"), args, func(p json.RawMessage) { out.send(line{Progress: p}) }, &result)
		if err != nil {
			f := &failure{What: err.Error(), Hint: lake.Hint(err)}
			for _, k := range kinds() {
				if errors.Is(err, k) {
					f.Kind = k.Error()
				}
			}
			out.send(line{Error: f})
		} else {
			out.send(line{Result: result})
		}
		if out.err != nil {
			log.Debug("admin answer was not delivered", "op", r.PathValue("op"), "error", out.err)
		}
	})
	return mux
}

// beatEvery is how often an operation says that it lives, besides at its
// beginning. A client waits firstBeat for its first line, which any lake sends
// at once, and nextBeat for each other, so that a machine that is out of breath
// costs nobody an hour's work.
const (
	beatEvery = 5 * time.Second
	firstBeat = 10 * time.Second
	nextBeat  = time.Minute
)

// answer writes lines; progress may come from several goroutines.
type answer struct {
	mu  sync.Mutex
	w   http.ResponseWriter
	err error
}

func (a *answer) send(l line) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.err != nil {
		return
	}
	if a.err = json.NewEncoder(a.w).Encode(l); a.err == nil {
		a.err = http.NewResponseController(a.w).Flush()
	}
}

// beat writes empty lines, one at once, until it is ended.
func (a *answer) beat() (end func()) {
	a.send(line{})
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(beatEvery)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				a.send(line{})
			case <-stop:
				return
			}
		}
	}()
	return func() { close(stop); <-done }
}

// ErrSilent means that the process is there and says nothing.
var ErrSilent = errors.New("it does not answer")

// Client reaches the lake that is running.
type Client struct {
	Addr  string // host:port
	Token string
	HTTP  *http.Client
	PID   int // of the process, for messages
	// First and Next bound how long the process may be silent before its first
	// line, and between lines; default 10 s and a minute.
	First, Next time.Duration
}

// Do is Ops.Do in the other process, which stops the operation when the context
// ends. ErrClosed when that process goes away before its answer is complete,
// ErrSilent when it says nothing for too long.
func (c Client) Do(ctx context.Context, name string, args any, progress func(json.RawMessage), result any) (err error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	heard := make(chan time.Duration)
	go func() {
		if silent(ctx, cmp.Or(c.First, firstBeat), heard) {
			cancel(ErrSilent)
		}
	}()
	hears := func(allowed time.Duration) {
		select {
		case heard <- allowed:
		case <-ctx.Done():
		}
	}
	body, err := json.Marshal(args)
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+c.Addr+"/admin/"+name, bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+c.Token)
	resp, err := c.HTTP.Do(req)
	if err != nil {
		return c.lost(ctx, err)
	}
	defer func() { err = errors.Join(err, resp.Body.Close()) }()
	if resp.StatusCode != http.StatusOK {
		text, err := io.ReadAll(io.LimitReader(resp.Body, 1000))
		if err != nil {
			return c.lost(ctx, err)
		}
		return fmt.Errorf("the running lake answers %s: %s", resp.Status, bytes.TrimSpace(text))
	}
	dec := json.NewDecoder(bufio.NewReader(resp.Body))
	for {
		var l line
		if err := dec.Decode(&l); err != nil {
			return c.lost(ctx, err)
		}
		hears(0) // what progress takes is not the other process's silence
		switch {
		case l.Error != nil:
			return l.Error.err()
		case l.Result != nil:
			if result == nil {
				return nil
			}
			return json.Unmarshal(l.Result, result)
		case progress != nil && l.Progress != nil:
			progress(l.Progress)
		}
		hears(cmp.Or(c.Next, nextBeat))
	}
}

// silent waits until nothing was heard for as long as is allowed, or the context
// ends; heard begins the wait anew with what is allowed from then on, 0 for ever.
// It counts ticks: a command that was suspended itself (Ctrl-Z) and goes on has
// missed ticks, and the answer may be waiting for it.
func silent(ctx context.Context, allowed time.Duration, heard <-chan time.Duration) bool {
	const ticks = 10
	tick := time.NewTicker(allowed / ticks)
	defer tick.Stop()
	for n := 0; n < ticks; {
		select {
		case <-tick.C:
			n++
		case allowed = <-heard:
			n = 0
			if tick.Stop(); allowed > 0 {
				tick.Reset(allowed / ticks)
			}
		case <-ctx.Done():
			return false
		}
	}
	return true
}

// lost makes an error of a connection that ended before the answer did.
func (c Client) lost(ctx context.Context, err error) error {
	if errors.Is(context.Cause(ctx), ErrSilent) {
		return lake.Errorf(ErrSilent, fmt.Sprintf("if it was stopped, let it go on with: kill -CONT %d; if that is no help, end it with: kill -KILL %[1]d, and start it again: nothing is lost", c.PID),
			"the lake that holds the data directory, process %d at %s", c.PID, c.Addr)
	}
	if ctx.Err() != nil {
		return fmt.Errorf("ask the running lake: %w", context.Cause(ctx))
	}
	var dial *net.OpError
	if errors.As(err, &dial) && dial.Op == "dial" {
		return lake.Errorf(lake.ErrClosed, "it may be just starting or stopping: try again in a moment", "the lake that holds the data directory does not answer at %s", c.Addr)
	}
	if request := new(url.Error); errors.As(err, &request) {
		err = request.Err // which operation was asked for is not the reader's to know
	}
	return lake.Errorf(lake.ErrClosed, "start it again with lake up and repeat the command, or repeat it on the stopped lake; a repeat is safe",
		"the running lake was stopped or killed before it had answered (%v)", err)
}

// err makes an error that errors.Is and lake.Hint understand.
func (f *failure) err() error {
	for _, k := range kinds() {
		if k.Error() == f.Kind {
			return &remote{f, k}
		}
	}
	return &remote{f, nil}
}

// remote is an error from the other process.
type remote struct {
	f    *failure
	kind error
}

func (e *remote) Error() string { return e.f.What }

func (e *remote) Unwrap() error {
	if e.kind == nil {
		return nil
	}
	return &lake.Hinted{Kind: e.kind, What: e.f.What, Hint: e.f.Hint}
}
