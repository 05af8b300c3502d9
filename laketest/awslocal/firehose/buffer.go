package firehose

import (
	"encoding/json"
	"time"

	"github.com/google/uuid"
)

// piece is a sub-record in its place.
type piece struct {
	keys map[string]string // nil without partitioning
	fail string            // the error type; the piece is an error document
	data []byte
	at   time.Time
}

// buffer gathers the pieces of one partition.
type buffer struct {
	keys   map[string]string
	fail   string
	data   []byte
	oldest time.Time
}

// object is a buffer that was closed.
type object struct {
	key  string
	data []byte
}

// place puts a piece into its buffer; false means that there are too many.
func (s *Stream) place(p piece) bool {
	id := p.fail + "\x00"
	if p.keys != nil {
		b, err := json.Marshal(p.keys) // sorted by name
		if err != nil {
			return false
		}
		id += string(b)
	}
	b := s.buffers[id]
	if b != nil && len(b.data)+len(p.data) > s.cfg.BufferBytes {
		s.closeBuffer(id)
		b = nil
	}
	if b == nil {
		if p.keys != nil && s.active() >= s.cfg.ActivePartitions {
			return false
		}
		b = &buffer{keys: p.keys, fail: p.fail, oldest: p.at}
		s.buffers[id] = b
	}
	b.data = append(b.data, p.data...)
	return true
}

// active counts the partitions that have a buffer.
func (s *Stream) active() int {
	n := 0
	for _, b := range s.buffers {
		if b.keys != nil {
			n++
		}
	}
	return n
}

// fail puts the error document of a record into the buffer of errors.
func (s *Stream) fail(kind string, data []byte, err error, now time.Time) {
	s.stats.Errors++
	doc, encErr := json.Marshal(map[string]any{
		"attemptsMade":           1,
		"arrivalTimestamp":       now.UnixMilli(),
		"errorCode":              "DynamicPartitioning." + kind,
		"errorMessage":           err.Error(),
		"attemptEndingTimestamp": now.UnixMilli(),
		"rawData":                data, // base64
	})
	if encErr != nil {
		doc = []byte(encErr.Error())
	}
	s.place(piece{fail: kind, data: append(doc, '\n'), at: now})
}

// closeBuffer turns a buffer into an object; the caller holds the mutex.
func (s *Stream) closeBuffer(id string) {
	b := s.buffers[id]
	delete(s.buffers, id)
	v := values{keys: b.keys, time: b.oldest, errorType: b.fail, random: s.dice.r}
	p, ext := s.prefix, s.cfg.FileExtension
	if b.fail != "" {
		p = s.errors
	}
	at, err := p.eval(v)
	if err != nil { // take has evaluated it for the same keys
		s.cfg.Log.Error("prefix failed", "stream", s.cfg.Name, "error", err)
		return
	}
	name := func() string {
		return at + s.cfg.Name + "-1-" + b.oldest.UTC().Format("2006-01-02-15-04-05-") + uuid.NewString() + ext
	}
	s.objects = append(s.objects, object{name(), b.data})
	if s.dice.hit(s.dice.Upload) {
		s.objects = append(s.objects, object{name(), b.data})
		s.stats.Repeated++
	}
}
