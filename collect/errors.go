package collect

import (
	"fmt"
	"net/http"
	"time"

	"github.com/eventlake/lake/serve/api"
)

// The codes that only this endpoint answers with.
const (
	codeEmpty       api.Code = "empty_batch"
	codeNotJSON     api.Code = "not_json"
	codeTruncated   api.Code = "truncated"
	codeCompression api.Code = "bad_compression"
	codeLength      api.Code = "wrong_length"
	codeTooMany     api.Code = "too_many_events"
	codeTooLarge    api.Code = "too_large"
	codeEncoding    api.Code = "unknown_encoding"
	codeType        api.Code = "unknown_type"
	codeSource      api.Code = "unknown_source"
	codeOrigin      api.Code = "origin_not_allowed"
	codeRate        api.Code = "rate_limited"
	codeBusy        api.Code = "busy"
	codeSlow        api.Code = "too_slow"
	codeAppend      api.Code = "not_stored"
)

const hintForms = "send one JSON object, an array of objects, or one object a line (Content-Type: application/x-ndjson)"

func bad(code api.Code, hint, format string, args ...any) *api.Error {
	return &api.Error{Status: http.StatusBadRequest, Code: code, Message: fmt.Sprintf(format, args...), Hint: hint}
}

func errEmpty(what string) *api.Error {
	return bad(codeEmpty, hintForms, "%s: there is no event in it", what)
}

func errNotJSON() *api.Error {
	return bad(codeNotJSON, hintForms, "the body is neither a JSON value nor lines of JSON objects, or it was cut off; nothing was stored")
}

func errTruncated(n int) *api.Error {
	return bad(codeTruncated, "send the whole array again", "the array ends inside element %d, or brackets and quotes do not close; nothing was stored", n)
}

func errHole(n int) *api.Error {
	return bad(codeNotJSON, "remove the comma too many", "element %d of the array is missing; nothing was stored", n)
}

func errTrailing(at int) *api.Error {
	return bad(codeNotJSON, "send one array a request", "byte %d: something follows the array; nothing was stored", at)
}

func errTooMany(limit int) *api.Error {
	return &api.Error{Status: http.StatusRequestEntityTooLarge, Code: codeTooMany,
		Message: fmt.Sprintf("more than %d events; nothing was stored", limit), Hint: "send them in several requests"}
}

func errTooLarge(limit int64, what string) *api.Error {
	return &api.Error{Status: http.StatusRequestEntityTooLarge, Code: codeTooLarge,
		Message: fmt.Sprintf("the body has more than %d bytes%s; nothing was stored", limit, what), Hint: "send fewer events a request"}
}

func errBusy(message string, after time.Duration) *api.Error {
	return &api.Error{Status: http.StatusServiceUnavailable, Code: codeBusy, Message: message + "; nothing was stored",
		Hint: "send the same request again after a moment", RetryAfter: after}
}
