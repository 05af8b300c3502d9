package query

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/eventlake/lake/serve/api"
)

func invalid(hint, format string, args ...any) error {
	return &api.Error{Status: http.StatusBadRequest, Code: api.CodeInvalid, Message: fmt.Sprintf(format, args...), Hint: hint}
}

const bodyHint = `send {"sql": "SELECT ..."} as application/json, or the statement itself as text/plain`

func (h *handler) read(w http.ResponseWriter, r *http.Request) (Question, error) {
	req := Question{Limit: h.limits.Rows, Format: accepted(r.Header.Get("Accept"))}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, h.limits.BodyBytes))
	var tooBig *http.MaxBytesError
	switch {
	case errors.As(err, &tooBig):
		return req, &api.Error{Status: http.StatusRequestEntityTooLarge, Code: api.CodeLimit, Message: "the statement is longer than " + strconv.FormatInt(tooBig.Limit, 10) + " bytes"}
	case err != nil:
		return req, invalid("", "the body could not be read")
	case !utf8.Valid(body):
		return req, invalid("", "the body is not UTF-8")
	}
	typ, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil {
		typ = "" // none, or not readable: the body tells
	}
	object := bytes.HasPrefix(bytes.TrimSpace(body), []byte("{"))
	switch typ {
	case "application/json":
		err = decode(&req, body, h.limits.MaxRows)
	case "text/plain", "application/sql", "application/x-sql":
		req.SQL = string(body)
		err = nil
	case "", "application/x-www-form-urlencoded", "application/octet-stream": // what curl -d says of anything
		if err = nil; object {
			err = decode(&req, body, h.limits.MaxRows)
		} else {
			req.SQL = string(body)
		}
	default:
		return req, &api.Error{Status: http.StatusUnsupportedMediaType, Code: api.CodeInvalid, Message: "a body of type " + typ + " is not understood", Hint: bodyHint}
	}
	if err != nil {
		return req, err
	}
	if blankStatement(req.SQL) {
		return req, invalid(bodyHint, "there is no statement")
	}
	return req, nil
}

// decode reads the JSON form. Unknown fields are refused: a misspelt limit
// must not go unnoticed.
func decode(q *Question, body []byte, maxRows int64) error {
	var in struct {
		SQL    string `json:"sql"`
		Limit  *int64 `json:"limit"`
		Format string `json:"format"`
	}
	d := json.NewDecoder(bytes.NewReader(body))
	d.DisallowUnknownFields()
	if err := d.Decode(&in); err != nil {
		return invalid(bodyHint, "the body is not what is expected: %s", strings.TrimPrefix(err.Error(), "json: "))
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return invalid(bodyHint, "there is more after the JSON object")
	}
	q.SQL = in.SQL
	if in.Limit != nil {
		if *in.Limit < 1 || *in.Limit > maxRows {
			return invalid("to fetch more, ask for one part after the other, or use: lake sql --format csv", "limit %d is not in 1..%d", *in.Limit, maxRows)
		}
		q.Limit = *in.Limit
	}
	if in.Format != "" {
		f, err := ParseFormat(in.Format)
		if err != nil {
			return err
		}
		q.Format = f
	}
	return nil
}

// accepted is the first format in the Accept header that is known here; JSON
// when there is none.
func accepted(header string) Format {
	for part := range strings.SplitSeq(header, ",") {
		typ, _, err := mime.ParseMediaType(part)
		if err != nil {
			continue // one that cannot be read is one that is not known
		}
		switch typ {
		case "application/json", "*/*":
			return JSON
		case "text/csv":
			return CSV
		case "application/x-ndjson", "application/jsonl", "application/ndjson":
			return NDJSON
		case "text/plain":
			return Table
		}
	}
	return JSON
}
