package pool

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"sync"
)

// kind says what a frame holds.
type kind byte

// The frames. Those with "JSON" hold one value of the type that is named.
const (
	frameHello    kind = 'h' // to the process, first: JSON hello
	frameQuestion kind = 'q' // to the process: JSON question
	frameCancel   kind = 'c' // to the process: JSON number of the question that need not be answered
	frameReady    kind = 'r' // from it, once: it can be asked
	frameData     kind = 'd' // from it: a piece of the answer
	frameEnd      kind = 'e' // from it: JSON ending; the last frame of an answer
)

// maxFrame is more than any frame has: a longer one is no frame.
const maxFrame = 64 << 20

// hello is what a process must know before it can answer.
type hello struct {
	Memory int64           `json:"memory"` // bytes of a statement
	Setup  json.RawMessage `json:"setup"`  // Config.Setup
}

// frames writes frames; it is safe for many goroutines.
type frames struct {
	mu sync.Mutex
	w  io.Writer
}

func (f *frames) send(k kind, payload []byte) error {
	head := [5]byte{byte(k)}
	if len(payload) > maxFrame {
		return fmt.Errorf("frame of %d bytes", len(payload))
	}
	binary.LittleEndian.PutUint32(head[1:], uint32(len(payload)))
	f.mu.Lock()
	defer f.mu.Unlock()
	if _, err := f.w.Write(head[:]); err != nil {
		return err
	}
	_, err := f.w.Write(payload)
	return err
}

func (f *frames) sendJSON(k kind, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return f.send(k, b)
}

// receive reads one frame. The payload is valid until buf is used again. io.EOF
// is returned as it is when there is no further frame.
func receive(r io.Reader, buf []byte) (kind, []byte, error) {
	var head [5]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return 0, nil, err
	}
	n := binary.LittleEndian.Uint32(head[1:])
	if n > maxFrame {
		return 0, nil, fmt.Errorf("frame of %d bytes", n)
	}
	if int(n) > cap(buf) {
		buf = make([]byte, n)
	}
	_, err := io.ReadFull(r, buf[:n])
	return kind(head[0]), buf[:n], err
}
