package collect

import (
	"net/http"
	"strconv"
	"strings"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/transform"
)

// job is the memory of one request, reused for the next.
type job struct {
	reader   reader
	source   lake.SourceID
	events   []lake.Event // bodies lie in the reader's memory
	refused  []refused
	out      []byte
	row      transform.Row
	scanners map[*transform.Transformer]*transform.Scanner
}

// look fills in what an event is beside its body: source, time, id. What the
// transform refuses is noted for the answer; it goes into the stream like the
// rest, under an id that only routes it.
func (j *job) look(how *transform.Transformer, received lake.Instant) {
	s := j.scanner(how)
	for i := range j.events {
		e := &j.events[i]
		e.Source, e.Received = j.source, received
		if no := s.Scan(j.source, e.Body, received, &j.row); no != nil {
			e.ID = transform.RouteID(j.source, e.Body)
			j.refused = append(j.refused, refused{i, no.Reason, no.Detail})
			continue
		}
		e.ID, e.Gist = j.row.ID, j.row.Gist()
	}
}

// scanner returns this job's scanner for the transformer. Transformers change
// when the configuration is read again; the old ones are forgotten.
func (j *job) scanner(how *transform.Transformer) *transform.Scanner {
	s := j.scanners[how]
	if s == nil {
		if len(j.scanners) >= 64 {
			clear(j.scanners)
		}
		s = how.Scanner()
		j.scanners[how] = s
	}
	return s
}

// reply says 202 and what became of each event.
func (j *job) reply(w http.ResponseWriter, r *http.Request, id string) {
	minimal := strings.Contains(r.Header.Get("Prefer"), "return=minimal")
	j.out = answer(j.out, id, len(j.events), j.refused, minimal)
	h := w.Header()
	h["Content-Type"] = contentJSON
	h["Content-Length"] = []string{strconv.Itoa(len(j.out))}
	if minimal {
		h.Set("Preference-Applied", "return=minimal")
	}
	w.WriteHeader(http.StatusAccepted)
	// The events are stored. A client that went away without the answer sends
	// them again, and ingest drops the copies.
	_, _ = w.Write(j.out)
}

var contentJSON = []string{"application/json"}

// end forgets the request. Memory for odd ones is not kept.
func (j *job) end() {
	j.reader.free()
	clear(j.events) // they point into memory that is not ours any more
	clear(j.refused)
	j.source, j.events, j.refused, j.out = "", j.events[:0], j.refused[:0], j.out[:0]
	if cap(j.out) > 1<<20 {
		j.out = nil
	}
	j.row = transform.Row{}
}
