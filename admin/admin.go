// Package admin lets the commands of the same machine work through the lake
// that is running: the process that holds the data directory offers its
// operations on a loopback port, behind a random token that only the owner of
// the data directory can read.
package admin

import (
	"bufio"
	"bytes"
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

// line is one line of an answer; exactly one of the fields is set.
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

// Client reaches the lake that is running.
type Client struct {
	Addr  string // host:port
	Token string
	HTTP  *http.Client
}

// Do is Ops.Do in the other process, which stops the operation when the context
// ends. ErrClosed when that process goes away before its answer is complete.
func (c Client) Do(ctx context.Context, name string, args any, progress func(json.RawMessage), result any) (err error) {
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
	}
}

// lost makes an error of a connection that ended before the answer did.
func (c Client) lost(ctx context.Context, err error) error {
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
