package client

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/eventlake/lake"
)

// Resume is how far a file has been sent, kept in a small file beside it, so
// that an interrupted send goes on where it was. It saves time only: sending an
// event again is safe without it.
type Resume struct {
	path  string
	state resumeState
}

type resumeState struct {
	URL    string `json:"url"`         // of the lake
	Head   string `json:"head_sha256"` // of the first bytes
	Bytes  int64  `json:"head_bytes"`  // how many
	Events int64  `json:"events"`      // the first so many are acknowledged
}

// headBytes is how much of a file tells it from another.
const headBytes = 64 << 10

// LoadResume reads how far the file was sent to the lake at url; zero events
// when nothing is known, or what is known is about other content. A file that
// grew since is the same file.
func LoadResume(file, url string) (*Resume, error) {
	r := &Resume{path: file + ".lake-sent", state: resumeState{URL: url}}
	text, err := os.ReadFile(r.path)
	if errors.Is(err, os.ErrNotExist) {
		text = nil
	} else if err != nil {
		return nil, fmt.Errorf("resume: %w", err)
	}
	var old resumeState
	if len(text) > 0 {
		if err := json.Unmarshal(text, &old); err != nil {
			return nil, lake.Errorf(lake.ErrCorrupt, "delete it; sending again is safe", "%s: %v", r.path, err)
		}
	}
	limit := int64(headBytes)
	if old.Bytes > 0 && old.Bytes < limit {
		limit = old.Bytes // the file may have grown since it was shorter than a head
	}
	if err := r.state.readHead(file, limit); err != nil {
		return nil, err
	}
	if old.URL == url && old.Head == r.state.Head && old.Bytes == r.state.Bytes {
		r.state.Events = old.Events
	}
	return r, nil
}

func (s *resumeState) readHead(file string, limit int64) error {
	f, err := os.Open(file)
	if err != nil {
		return fmt.Errorf("resume: %w", err)
	}
	hash := sha256.New()
	s.Bytes, err = io.Copy(hash, io.LimitReader(f, limit))
	if err = errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("resume: read the head of %s: %w", file, err)
	}
	s.Head = hex.EncodeToString(hash.Sum(nil))
	return nil
}

// Events is how many of the first events are acknowledged.
func (r *Resume) Events() int64 { return r.state.Events }

// Save keeps that the first n events are acknowledged. A crash leaves the old
// or the new state.
func (r *Resume) Save(n int64) error {
	r.state.Events = n
	text, err := json.Marshal(r.state)
	if err != nil {
		return fmt.Errorf("resume: %w", err)
	}
	tmp, err := os.CreateTemp(filepath.Dir(r.path), ".lake-sent-*")
	if err != nil {
		return fmt.Errorf("resume: %w", err)
	}
	_, err = io.Copy(tmp, bytes.NewReader(append(text, '\n')))
	if err = errors.Join(err, tmp.Close()); err == nil {
		err = os.Rename(tmp.Name(), r.path)
	}
	if err != nil {
		return fmt.Errorf("resume: %w", errors.Join(err, os.Remove(tmp.Name())))
	}
	return nil
}

// Done removes the state, once everything was sent.
func (r *Resume) Done() error {
	if err := os.Remove(r.path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("resume: %w", err)
	}
	return nil
}

// Skip passes over the first n events of an input.
func Skip(events Events, n int64) error {
	for range n {
		if _, err := events.Next(); err != nil && !errors.Is(err, lake.ErrLimit) {
			return fmt.Errorf("skip what was sent before: %w", err)
		}
	}
	return nil
}
