package lambda

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"syscall"
	"time"

	"github.com/google/uuid"
)

// invocation is one piece of work and where its answer goes.
type invocation struct {
	id       string
	payload  []byte
	fault    Fault
	deadline time.Time
	answer   chan answer   // with room for the one answer
	done     chan struct{} // closed when the process asks for the next one
	answered bool          // guarded by the environment's mutex
}

type answer struct {
	payload []byte
	err     error
}

func newInvocation(payload []byte, fault Fault) *invocation {
	return &invocation{id: uuid.NewString(), payload: payload, fault: fault, answer: make(chan answer, 1), done: make(chan struct{})}
}

// api is the runtime API of one environment.
func (e *environment) api() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /2018-06-01/runtime/invocation/next", e.next)
	mux.HandleFunc("POST /2018-06-01/runtime/invocation/{id}/response", e.response)
	mux.HandleFunc("POST /2018-06-01/runtime/invocation/{id}/error", e.failure)
	mux.HandleFunc("POST /2018-06-01/runtime/init/error", e.initFailure)
	return mux
}

// next gives the process its next invocation and freezes it until there is one.
func (e *environment) next(w http.ResponseWriter, r *http.Request) {
	e.mu.Lock()
	last := e.current
	open := last != nil && !last.answered
	if !open {
		e.current = nil
	}
	e.mu.Unlock()
	if open {
		refuse(w, http.StatusForbidden, "InvalidStateTransition", "the invocation before was not answered")
		return
	}
	e.first.Do(func() {
		e.mu.Lock()
		e.init = time.Since(e.started)
		e.mu.Unlock()
		close(e.ready)
	})
	if last != nil {
		e.signal(syscall.SIGSTOP)
		e.fn.rest(e)
		close(last.done)
	}
	var inv *invocation
	select {
	case inv = <-e.work:
	case <-r.Context().Done():
		return
	}
	e.mu.Lock()
	e.current = inv
	e.mu.Unlock()
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Lambda-Runtime-Aws-Request-Id", inv.id)
	h.Set("Lambda-Runtime-Deadline-Ms", strconv.FormatInt(inv.deadline.UnixMilli(), 10))
	h.Set("Lambda-Runtime-Invoked-Function-Arn", e.fn.ARN())
	h.Set("Lambda-Runtime-Trace-Id", "Root=1-00000000-000000000000000000000000;Sampled=0")
	_, _ = w.Write(inv.payload) // a process that went away is seen by its end
}

// response takes the function's answer.
func (e *environment) response(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(io.LimitReader(r.Body, PayloadLimit+1))
	if err != nil {
		refuse(w, http.StatusBadRequest, "InvalidRequest", err.Error())
		return
	}
	if len(body) > PayloadLimit {
		e.finish(w, r, answer{err: &FunctionError{Type: "Function.ResponseSizeTooLarge", Message: fmt.Sprintf("Response payload size exceeded maximum allowed payload size (%d bytes).", PayloadLimit)}}, http.StatusRequestEntityTooLarge)
		return
	}
	e.finish(w, r, answer{payload: body}, http.StatusAccepted)
}

// failure takes the function's error.
func (e *environment) failure(w http.ResponseWriter, r *http.Request) {
	e.finish(w, r, answer{err: functionError(r)}, http.StatusAccepted)
}

// initFailure takes the reason why the process cannot start.
func (e *environment) initFailure(w http.ResponseWriter, r *http.Request) {
	err := functionError(r)
	e.mu.Lock()
	e.initErr = err
	e.mu.Unlock()
	accept(w, http.StatusAccepted)
}

// finish ends the current invocation with the answer.
func (e *environment) finish(w http.ResponseWriter, r *http.Request, a answer, status int) {
	e.mu.Lock()
	inv := e.current
	known := inv != nil && inv.id == r.PathValue("id")
	again := known && inv.answered
	killed := known && !again && inv.fault.KillAtResponse
	if known && !again && !killed {
		inv.answered = true
	}
	e.mu.Unlock()
	switch {
	case !known:
		refuse(w, http.StatusBadRequest, "InvalidRequestID", "no such invocation")
	case again:
		refuse(w, http.StatusForbidden, "InvalidStateTransition", "the invocation was answered before")
	case killed:
		e.signal(syscall.SIGKILL) // run sees the end of the process
	default:
		accept(w, status)
		inv.answer <- a
	}
}

// functionError reads what the process says of its failure.
func functionError(r *http.Request) *FunctionError {
	body, err := io.ReadAll(io.LimitReader(r.Body, PayloadLimit))
	if err != nil {
		return &FunctionError{Type: "Runtime.Unknown", Message: err.Error()}
	}
	var said struct {
		Message string `json:"errorMessage"`
		Type    string `json:"errorType"`
	}
	if err := json.Unmarshal(body, &said); err != nil {
		said.Message = string(body)
	}
	if t := r.Header.Get("Lambda-Runtime-Function-Error-Type"); t != "" {
		said.Type = t
	}
	if said.Type == "" {
		said.Type = "Unhandled"
	}
	return &FunctionError{Type: said.Type, Message: said.Message, Payload: body}
}

func accept(w http.ResponseWriter, status int) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, `{"status":"OK"}`+"\n") // a process that went away is seen by its end
}

func refuse(w http.ResponseWriter, status int, kind, message string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]string{"errorType": kind, "errorMessage": message}) // as above
}
