package lambda

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/eventlake/lake"
)

// Server is the part of Lambda's API that a program calls: Invoke. Of an
// asynchronous invocation (type Event) it keeps that the caller hears nothing of
// its end and that a failure is tried twice more; it leaves out the minutes in
// between, the age limit and destinations.
type Server struct {
	functions func(name string) *Function
	mux       *http.ServeMux

	mu      sync.Mutex
	running sync.WaitGroup // asynchronous invocations
	ctx     context.Context
	stop    context.CancelFunc
}

// asyncTries is how often an asynchronous invocation is tried in all.
const asyncTries = 3

// NewServer serves the functions that find returns; nil is an unknown name.
func NewServer(find func(name string) *Function) *Server {
	s := &Server{functions: find, mux: http.NewServeMux()}
	s.ctx, s.stop = context.WithCancel(context.Background())
	s.mux.HandleFunc("POST /2015-03-31/functions/{name}/invocations", s.invoke)
	return s
}

// ServeHTTP answers one call.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.mux.ServeHTTP(w, r) }

// invoke runs a function, or takes the order to.
func (s *Server) invoke(w http.ResponseWriter, r *http.Request) {
	f := s.functions(r.PathValue("name"))
	if f == nil {
		apiError(w, http.StatusNotFound, "ResourceNotFoundException", "Function not found: "+r.PathValue("name"))
		return
	}
	payload, err := io.ReadAll(io.LimitReader(r.Body, PayloadLimit+1))
	if err != nil {
		apiError(w, http.StatusBadRequest, "InvalidRequestContentException", err.Error())
		return
	}
	if len(payload) > PayloadLimit {
		apiError(w, http.StatusRequestEntityTooLarge, "RequestTooLargeException", "Request must be smaller than 6291456 bytes")
		return
	}
	if len(payload) > 0 && !json.Valid(payload) {
		apiError(w, http.StatusBadRequest, "InvalidRequestContentException", "Could not parse request body into json")
		return
	}
	switch r.Header.Get("X-Amz-Invocation-Type") {
	case "DryRun":
		w.WriteHeader(http.StatusNoContent)
	case "Event":
		s.later(f, payload)
		w.WriteHeader(http.StatusAccepted)
	default:
		s.now(w, r, f, payload)
	}
}

// now runs a synchronous invocation.
func (s *Server) now(w http.ResponseWriter, r *http.Request, f *Function, payload []byte) {
	res, err := f.Invoke(r.Context(), payload)
	var failed *FunctionError
	switch {
	case errors.Is(err, ErrThrottled):
		apiError(w, http.StatusTooManyRequests, "TooManyRequestsException", "Rate Exceeded.")
		return
	case errors.As(err, &failed):
		w.Header().Set("X-Amz-Function-Error", "Unhandled")
		if res.Payload = failed.Payload; res.Payload == nil {
			res.Payload, err = json.Marshal(map[string]string{"errorType": failed.Type, "errorMessage": failed.Message})
		}
	}
	if err != nil && failed == nil {
		apiError(w, http.StatusInternalServerError, "ServiceException", err.Error())
		return
	}
	w.Header().Set("X-Amz-Executed-Version", "$LATEST")
	_, _ = w.Write(res.Payload) // a caller that went away asks again
}

// later runs an asynchronous invocation.
func (s *Server) later(f *Function, payload []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ctx.Err() != nil {
		return
	}
	s.running.Go(func() {
		for tries := 0; tries < asyncTries && s.ctx.Err() == nil; {
			_, err := f.Invoke(s.ctx, payload)
			switch {
			case err == nil || errors.Is(err, ErrClosed):
				return
			case errors.Is(err, ErrThrottled): // waits in the queue
			default:
				tries++
			}
			if lake.Sleep(s.ctx, 50*time.Millisecond) != nil {
				return
			}
		}
	})
}

// Wait returns when no asynchronous invocation is under way.
func (s *Server) Wait() { s.running.Wait() }

// Close ends asynchronous invocations and waits for them.
func (s *Server) Close() {
	s.mu.Lock()
	s.stop()
	s.mu.Unlock()
	s.running.Wait()
}

func apiError(w http.ResponseWriter, status int, kind, message string) {
	w.Header().Set("X-Amzn-Errortype", kind)
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]string{"Message": message, "Type": "User"}) // as above
}
