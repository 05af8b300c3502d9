package api

import (
	"math/rand/v2"
	"net/http"
	"strconv"
)

// HeaderRequestID is the header that names a request, in both directions.
const HeaderRequestID = "X-Request-Id"

// RequestID returns the request's id and puts it on the answer. The first call
// decides: the client's own id when it is harmless to log and to send back (1
// to 64 of A-Z a-z 0-9 . _ : -), otherwise a new one.
func RequestID(w http.ResponseWriter, r *http.Request) string {
	const canonical = HeaderRequestID
	if v := w.Header()[canonical]; len(v) == 1 {
		return v[0]
	}
	id := r.Header.Get(canonical)
	if !sane(id) {
		id = "r" + strconv.FormatUint(rand.Uint64(), 36)
	}
	w.Header()[canonical] = []string{id}
	return id
}

func sane(id string) bool {
	if id == "" || len(id) > 64 {
		return false
	}
	for _, c := range []byte(id) {
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '-' && c != '_' && c != '.' && c != ':' {
			return false
		}
	}
	return true
}
