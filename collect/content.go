package collect

import (
	"mime"
	"net/http"
	"strings"

	"github.com/eventlake/lake/serve/api"
)

// encoding is how a body is compressed.
type encoding uint8

const (
	identity encoding = iota
	gzipped
	zstandard
)

// What a client may choose from.
const (
	acceptEncoding = "gzip, zstd, identity"
	acceptPost     = "application/json, application/x-ndjson, text/plain"
)

// encodingOf reads Content-Encoding; *api.Error 415 when it is none that we know.
func encodingOf(h http.Header) (encoding, error) {
	values := h["Content-Encoding"]
	if len(values) == 0 {
		return identity, nil
	}
	if len(values) == 1 {
		switch strings.ToLower(strings.TrimSpace(values[0])) {
		case "", "identity":
			return identity, nil
		case "gzip", "x-gzip":
			return gzipped, nil
		case "zstd":
			return zstandard, nil
		}
	}
	return identity, &api.Error{Status: http.StatusUnsupportedMediaType, Code: codeEncoding,
		Message: "Content-Encoding " + quote(strings.Join(values, ", ")) + " is not supported", Hint: "use one of " + acceptEncoding}
}

// formOf reads Content-Type; *api.Error 415 when it is no type for events.
func formOf(h http.Header) (form, error) {
	value := h.Get("Content-Type")
	switch value { // spares parsing
	case "application/json", "":
		return formAny, nil
	case "application/x-ndjson":
		return formLines, nil
	}
	kind, params, err := mime.ParseMediaType(value)
	if cs := params["charset"]; err == nil && (cs == "" || strings.EqualFold(cs, "utf-8") || strings.EqualFold(cs, "us-ascii")) {
		switch kind {
		case "application/json", "text/plain", "text/json",
			"application/x-www-form-urlencoded": // what `curl -d` says about any body
			return formAny, nil
		case "application/x-ndjson", "application/ndjson", "application/jsonl", "application/x-jsonlines":
			return formLines, nil
		}
	}
	return formAny, &api.Error{Status: http.StatusUnsupportedMediaType, Code: codeType,
		Message: "Content-Type " + quote(value) + " is not supported", Hint: "use application/json or application/x-ndjson, in UTF-8 (curl: -H 'Content-Type: application/json')"}
}

// quote shortens what a client sent for a message.
func quote(s string) string {
	if len(s) > 80 {
		s = s[:80] + "..."
	}
	return "\"" + s + "\""
}
