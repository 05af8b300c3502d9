package collect

import (
	"io"
	"net/http"
)

// patience is the largest rest of a body that net/http itself reads before it
// answers; see linger.
const patience = 256 << 10

// lingers reports whether the answer to a refused request should be followed by
// reading what is left of its body. A client that waits for 100-continue has
// sent none, and HTTP/2 can end one request without ending the connection.
func lingers(r *http.Request, received int) bool {
	if r.ProtoMajor != 1 || r.ContentLength >= 0 && r.ContentLength <= patience {
		return false
	}
	return received > 0 || r.Header.Get("Expect") == ""
}

// linger sends the answer that was written and then takes in the rest of the
// body and drops it, until the client has sent it, has gone away, or the time
// to send a request is over. Many clients look for an answer only when they have
// sent everything. When the connection is closed before, the kernel resets it, and such
// a client learns of a broken connection where it should have learned what was
// wrong, or when to try again.
func linger(w http.ResponseWriter, r *http.Request) {
	if http.NewResponseController(w).Flush() != nil {
		return // the connection is gone
	}
	// Whatever ends it, the connection is closed next and nobody is left to tell.
	_, _ = io.Copy(io.Discard, r.Body)
}
