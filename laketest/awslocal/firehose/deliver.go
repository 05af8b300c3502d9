package firehose

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

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
