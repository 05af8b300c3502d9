package firehose

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/google/uuid"
)

// Where a record goes that cannot be delivered.
const (
	extractionFailed = "metadata-extraction-failed"
	tooManyActive    = "activePartitionExceeded"
)

// Stream is one delivery stream.
type Stream struct {
	cfg    Config
	s3     S3API
	query  *query
	prefix prefix
	errors prefix

	delivering sync.Mutex // one delivery at a time

	mu      sync.Mutex
	dice    *dice
	buffers map[string]*buffer // by partition
	repeat  []piece            // comes again with the next delivery
	objects []object           // closed, not in S3 yet
	stats   Stats
}

// Stats counts what a stream has done.
type Stats struct {
	Calls      int64
	Records    int64 // taken
	Bytes      int64 // of them
	Billed     int64 // bytes of them, each record rounded up to 5 KiB
	Refused    int64 // entries that were not taken
	SubRecords int64
	Errors     int64 // records and sub-records that went to the error prefix
	Repeated   int64 // sub-records and objects that were delivered twice
	Objects    int64 // written to S3, those of the error prefix too
}

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

// NewStream checks the configuration. Nothing is delivered before Deliver or Run.
func NewStream(client S3API, cfg Config) (*Stream, error) {
	if err := cfg.defaults(); err != nil {
		return nil, err
	}
	s := &Stream{cfg: cfg, s3: client, dice: newDice(cfg.Faults), buffers: map[string]*buffer{}}
	var err error
	if s.prefix, err = parsePrefix(cfg.Prefix, false); err != nil {
		return nil, err
	}
	if s.errors, err = parsePrefix(cfg.ErrorPrefix, true); err != nil {
		return nil, err
	}
	if cfg.JQ != "" {
		if s.query, err = compile(cfg.JQ); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// Name returns the stream's name.
func (s *Stream) Name() string { return s.cfg.Name }

// take accepts one record; the caller holds the mutex.
func (s *Stream) take(data []byte) {
	now := s.cfg.Now()
	s.stats.Records++
	s.stats.Bytes += int64(len(data))
	s.stats.Billed += (int64(len(data)) + 5<<10 - 1) / (5 << 10) * (5 << 10)
	parts, err := s.cfg.split(data)
	if err != nil {
		s.fail(extractionFailed, data, err, now)
		return
	}
	for _, part := range parts {
		s.stats.SubRecords++
		p := piece{data: append(slices.Clip(part), s.cfg.Append...), at: now}
		if s.query != nil {
			if p.keys, err = s.query.keys(part); err == nil {
				_, err = s.prefix.eval(values{keys: p.keys, time: now, random: s.dice.r})
			}
			if err != nil {
				s.fail(extractionFailed, part, err, now)
				continue
			}
		}
		if !s.place(p) {
			s.fail(tooManyActive, part, errors.New("more partitions are active than the quota allows"), now)
			continue
		}
		if s.dice.hit(s.dice.Repeat) {
			s.repeat = append(s.repeat, p)
			s.stats.Repeated++
		}
	}
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

// Deliver writes every buffer that is old enough to S3. What S3 refuses stays
// and is written by a later call.
func (s *Stream) Deliver(ctx context.Context) error {
	now := s.cfg.Now()
	return s.deliver(ctx, func(b *buffer) bool { return now.Sub(b.oldest) >= s.cfg.BufferInterval })
}

// Flush writes everything to S3 now.
func (s *Stream) Flush(ctx context.Context) error {
	for {
		if err := s.deliver(ctx, func(*buffer) bool { return true }); err != nil {
			return err
		}
		s.mu.Lock()
		empty := len(s.buffers) == 0 && len(s.repeat) == 0 && len(s.objects) == 0
		s.mu.Unlock()
		if empty {
			return nil
		}
	}
}

func (s *Stream) deliver(ctx context.Context, due func(*buffer) bool) error {
	s.delivering.Lock()
	defer s.delivering.Unlock()
	s.mu.Lock()
	ids := make([]string, 0, len(s.buffers))
	for id, b := range s.buffers {
		if due(b) {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	for _, id := range ids {
		s.closeBuffer(id)
	}
	if len(ids) > 0 { // a repeat comes in a later object than the first copy
		again := s.repeat
		s.repeat = nil
		for _, p := range again {
			if !s.place(p) {
				s.repeat = append(s.repeat, p)
			}
		}
	}
	todo := s.objects
	s.objects = nil
	s.mu.Unlock()
	var errs []error
	for i, o := range todo {
		if err := s.upload(ctx, o); err != nil {
			errs = append(errs, err)
			s.mu.Lock()
			s.objects = append(s.objects, todo[i])
			s.mu.Unlock()
		}
	}
	return errors.Join(errs...)
}

// upload writes one object.
func (s *Stream) upload(ctx context.Context, o object) error {
	body := o.data
	in := &s3.PutObjectInput{Bucket: &s.cfg.Bucket, Key: &o.key, ContentType: aws.String("application/octet-stream")}
	if s.cfg.Gzip {
		var b bytes.Buffer
		if err := zip(&b, o.data); err != nil {
			return fmt.Errorf("compress %s: %w", o.key, err)
		}
		body = b.Bytes()
		in.ContentEncoding = aws.String("gzip")
	}
	in.Body = bytes.NewReader(body)
	if _, err := s.s3.PutObject(ctx, in); err != nil {
		return fmt.Errorf("deliver %s: %w", o.key, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stats.Objects++
	return nil
}

func zip(w io.Writer, data []byte) error {
	z := gzip.NewWriter(w)
	if _, err := z.Write(data); err != nil {
		return err
	}
	return z.Close()
}

// Stats returns the counts so far.
func (s *Stream) Stats() Stats {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.stats
}

// Run delivers what is due until ctx ends, by the real clock.
func (s *Stream) Run(ctx context.Context) {
	t := time.NewTicker(50 * time.Millisecond)
	defer t.Stop()
	for {
		select {
		case <-t.C:
			if err := s.Deliver(ctx); err != nil && ctx.Err() == nil {
				s.cfg.Log.Warn("delivery failed", "stream", s.cfg.Name, "error", err)
			}
		case <-ctx.Done():
			return
		}
	}
}
