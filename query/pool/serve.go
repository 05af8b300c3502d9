package pool

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/eventlake/lake/query"
)

// Opener makes what answers in a process, from the pool's Config.Setup. close
// frees it.
type Opener func(ctx context.Context, setup json.RawMessage) (a query.Answerer, close func() error, err error)

// patience is how long a process waits, when it shall end, for the statement
// that it works on.
const patience = time.Second

// Serve is the life of one of the pool's processes: it answers what comes from
// in (standard input) on out (standard output) until in ends. It limits the
// memory of the whole process, which therefore must do nothing else, and ends
// it with exit code ExitMemory when a statement takes more. After a nil the
// caller should end the process.
func Serve(ctx context.Context, in io.Reader, out io.Writer, open Opener) (err error) {
	r, w := bufio.NewReader(in), &frames{w: out}
	k, payload, err := receive(r, nil)
	if errors.Is(err, io.EOF) {
		return nil
	}
	var h hello
	if err == nil && k == frameHello {
		err = json.Unmarshal(payload, &h)
	} else if err == nil {
		err = fmt.Errorf("frame %q before the first", k)
	}
	if err != nil {
		return fmt.Errorf("read what to serve: %w", err)
	}
	a, closeAnswerer, err := open(ctx, h.Setup)
	if err != nil {
		return w.sendJSON(frameReady, pack(err))
	}
	s := &server{answerer: a, out: w, questions: make(chan asked)}
	// The engine's threads and buffers are there only after a first statement.
	if _, err := a.Answer(ctx, query.Question{SQL: "SELECT 1", Format: query.NDJSON}, io.Discard); err != nil {
		return errors.Join(w.sendJSON(frameReady, pack(err)), closeAnswerer())
	}
	if s.watch, err = limitMemory(h.Memory); err != nil {
		return errors.Join(w.sendJSON(frameReady, pack(err)), closeAnswerer())
	}
	if err := w.sendJSON(frameReady, pack(nil)); err != nil {
		return errors.Join(err, closeAnswerer())
	}
	done := make(chan error, 1)
	go func() { done <- s.answer() }()
	err = s.listen(ctx, r)
	close(s.questions)
	s.cancelAll()
	select {
	case answered := <-done:
		return errors.Join(err, answered, closeAnswerer())
	case <-time.After(patience):
		return err // stuck in a statement: the end of the process is what frees everything
	}
}

// server is the process's side.
type server struct {
	answerer  query.Answerer
	out       *frames
	watch     *watch
	questions chan asked

	mu     sync.Mutex
	number int64              // of the question that is being answered
	cancel context.CancelFunc // for it
}

// asked is a question with the context of its answer.
type asked struct {
	question
	ctx context.Context
}

// listen takes questions and what is said about them until the input ends.
func (s *server) listen(ctx context.Context, r io.Reader) error {
	for {
		k, payload, err := receive(r, nil)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read a question: %w", err)
		}
		switch k {
		case frameQuestion:
			q := asked{}
			if err := json.Unmarshal(payload, &q.question); err != nil {
				return fmt.Errorf("read a question: %w", err)
			}
			var cancel context.CancelFunc
			q.ctx, cancel = context.WithCancel(ctx)
			s.mu.Lock()
			s.number, s.cancel = q.Number, cancel
			s.mu.Unlock()
			s.questions <- q
		case frameCancel:
			var number int64
			if err := json.Unmarshal(payload, &number); err != nil {
				return fmt.Errorf("read a question: %w", err)
			}
			s.mu.Lock()
			if s.number == number && s.cancel != nil {
				s.cancel()
			}
			s.mu.Unlock()
		default:
			return fmt.Errorf("read a question: frame %q", k)
		}
	}
}

func (s *server) cancelAll() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cancel != nil {
		s.cancel()
	}
}

// answer answers one question after the other.
func (s *server) answer() error {
	for q := range s.questions {
		s.watch.begin()
		a, err := s.answerer.Answer(q.ctx, q.Question, pieces{s.out})
		s.watch.end()
		if err := s.out.sendJSON(frameEnd, ending{Answered: a, Error: pack(err), Used: used()}); err != nil {
			return err
		}
	}
	return nil
}

// pieces sends what is written as pieces of the answer.
type pieces struct{ out *frames }

// Write implements io.Writer.
func (p pieces) Write(b []byte) (int, error) {
	const most = 1 << 20
	for at := 0; at < len(b); at += most {
		if err := p.out.send(frameData, b[at:min(at+most, len(b))]); err != nil {
			return at, err
		}
	}
	return len(b), nil
}
