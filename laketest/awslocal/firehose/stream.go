package firehose

import (
	"errors"
	"slices"
	"sync"
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

// Stats returns the counts so far.
func (s *Stream) Stats() Stats {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.stats
}
