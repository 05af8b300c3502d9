package firehose

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/google/uuid"
)

// Server speaks the JSON protocol of Firehose for some streams.
type Server struct{ streams map[string]*Stream }

// NewServer serves the streams by their names.
func NewServer(streams ...*Stream) *Server {
	s := &Server{streams: map[string]*Stream{}}
	for _, stream := range streams {
		s.streams[stream.Name()] = stream
	}
	return s
}

// request is a call's body, for all calls.
type request struct {
	Name    string  `json:"DeliveryStreamName"`
	Record  *entry  `json:"Record"`
	Records []entry `json:"Records"`
}

type entry struct {
	Data []byte `json:"Data"`
}

// result is the fate of one entry.
type result struct {
	RecordID     string `json:"RecordId,omitempty"`
	ErrorCode    string `json:"ErrorCode,omitempty"`
	ErrorMessage string `json:"ErrorMessage,omitempty"`
}

// fault is an error of the service.
type fault struct {
	Status  int    `json:"-"`
	Type    string `json:"__type"`
	Message string `json:"message"`
}

// ServeHTTP answers one call.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	out, cut, err := s.call(r)
	if cut { // the caller is not to know that it was done
		panic(http.ErrAbortHandler)
	}
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	w.Header().Set("X-Amzn-Requestid", uuid.NewString())
	if err != nil {
		w.WriteHeader(err.Status)
		out = err
	}
	_ = json.NewEncoder(w).Encode(out) // a caller that went away asks again
}

// call does what a request says. cut means that it was done and the connection
// has to end.
func (s *Server) call(r *http.Request) (out any, cut bool, failed *fault) {
	action, ok := strings.CutPrefix(r.Header.Get("X-Amz-Target"), "Firehose_20150804.")
	if !ok {
		return nil, false, &fault{400, "UnknownOperationException", "X-Amz-Target " + r.Header.Get("X-Amz-Target")}
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, 4*MaxCall))
	if err != nil {
		return nil, false, &fault{400, "SerializationException", err.Error()}
	}
	var in request
	if err := json.Unmarshal(body, &in); err != nil {
		return nil, false, &fault{400, "SerializationException", err.Error()}
	}
	stream := s.streams[in.Name]
	if stream == nil {
		return nil, false, &fault{400, "ResourceNotFoundException", fmt.Sprintf("Firehose %s under account 123456789012 not found.", in.Name)}
	}
	switch action {
	case "DescribeDeliveryStream":
		return stream.describe(), false, nil
	case "PutRecord":
		if in.Record == nil {
			return nil, false, &fault{400, "ValidationException", "Record is missing"}
		}
		results, cut, failed := stream.put([]entry{*in.Record}, false)
		if failed != nil || cut {
			return nil, cut, failed
		}
		return map[string]any{"RecordId": results[0].RecordID, "Encrypted": false}, false, nil
	case "PutRecordBatch":
		results, cut, failed := stream.put(in.Records, true)
		if failed != nil || cut {
			return nil, cut, failed
		}
		n := 0
		for _, r := range results {
			if r.ErrorCode != "" {
				n++
			}
		}
		return map[string]any{"FailedPutCount": n, "Encrypted": false, "RequestResponses": results}, false, nil
	}
	return nil, false, &fault{400, "UnknownOperationException", action}
}

// put takes entries within the limits of one call.
func (s *Stream) put(entries []entry, each bool) (results []result, cut bool, failed *fault) {
	size := 0
	for _, e := range entries {
		if len(e.Data) > MaxRecord {
			return nil, false, &fault{400, "ValidationException", fmt.Sprintf("a record of %d bytes: Member must have length less than or equal to %d", len(e.Data), MaxRecord)}
		}
		size += base64.StdEncoding.EncodedLen(len(e.Data))
	}
	switch {
	case len(entries) == 0 || len(entries) > MaxRecords:
		return nil, false, &fault{400, "ValidationException", fmt.Sprintf("%d records: Member must have length between 1 and %d", len(entries), MaxRecords)}
	case each && size > MaxCall:
		return nil, false, &fault{400, "InvalidArgumentException", fmt.Sprintf("Records size %d exceeds 4 MB limit", size)}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stats.Calls++
	if s.dice.hit(s.dice.Throttle) {
		s.stats.Refused += int64(len(entries))
		return nil, false, &fault{503, "ServiceUnavailableException", "Slow down."}
	}
	for _, e := range entries {
		if each && s.dice.hit(s.dice.Entry) {
			s.stats.Refused++
			results = append(results, result{ErrorCode: "ServiceUnavailableException", ErrorMessage: "Slow down."})
			continue
		}
		s.take(e.Data)
		results = append(results, result{RecordID: uuid.NewString()})
	}
	return results, s.dice.hit(s.dice.Lost), nil
}
