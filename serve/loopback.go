package serve

import (
	"net"
	"net/http"
	"net/netip"
	"strings"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/serve/api"
)

// CheckListen reports ErrInvalid with a hint when the address can be reached
// from other machines and nobody needs a key to write.
func CheckListen(addr string, writeKeys bool) error {
	if writeKeys || Loopback(addr) {
		return nil
	}
	return lake.Errorf(lake.ErrInvalid, "make a key first: `lake keys create --source NAME`, or listen on "+DefaultAddr,
		"listening on %s without write keys would let everybody who reaches it send events", addr)
}

// Loopback reports whether only this machine can reach the address. A name
// other than localhost counts as reachable, whatever it resolves to now.
func Loopback(addr string) bool {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		host = addr
	}
	return localHost(host)
}

func localHost(host string) bool {
	host = strings.TrimSuffix(strings.ToLower(strings.Trim(host, "[]")), ".")
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.Unmap().IsLoopback()
}

// localOnly refuses requests for names that are not this machine's.
func localOnly(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Host == "" { // HTTP/1.0 allows it
			api.Fail(w, r, &api.Error{Status: http.StatusMisdirectedRequest, Code: api.CodeForbidden,
				Message: "the request names no host, and a lake without keys answers only to localhost and 127.0.0.1",
				Hint:    "send the header `Host: localhost`; HTTP/1.1 always has one"})
			return
		}
		if !Loopback(r.Host) {
			api.Fail(w, r, &api.Error{Status: http.StatusMisdirectedRequest, Code: api.CodeForbidden,
				Message: "a lake without keys answers only to localhost and 127.0.0.1",
				Hint:    "use one of these in the URL, or have the lake ask for keys: `keys.required: on`, and `lake keys create`"})
			return
		}
		next.ServeHTTP(w, r)
	})
}
