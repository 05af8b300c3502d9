package e2e

import (
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// behindTLS puts a proxy with a certificate of no known authority in front of a
// lake, and returns its URL and a file with the certificate.
func behindTLS(t *testing.T, s *server) (at, ca string) {
	t.Helper()
	to, err := url.Parse(s.url(""))
	if err != nil {
		t.Fatal(err)
	}
	proxy := httptest.NewTLSServer(&httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(to) }})
	t.Cleanup(proxy.Close)
	ca = filepath.Join(t.TempDir(), "ca.pem")
	write(t, ca, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: proxy.Certificate().Raw})))
	return proxy.URL, ca
}

func TestClientsTrustTheAuthorityThatTheyAreTold(t *testing.T) {
	s, from := up(t, filepath.Join(t.TempDir(), "to")), up(t, filepath.Join(t.TempDir(), "from"))
	at, ca := behindTLS(t, s)
	file := filepath.Join(t.TempDir(), "events.ndjson")
	must(t, "gen", "--events", "50", "--malformed", "0", "--duplicates", "0", "-o", file)
	must(t, "send", "--url", from.url(""), file)
	from.settle()

	replay := []string{"replay", "--data", from.data, "--to", at}
	for _, args := range [][]string{{"send", "--url", at, file}, replay} {
		began := time.Now()
		_, said, exit := run(t, args...)
		if exit != 1 || !strings.Contains(said, "unknown authority") || !strings.Contains(said, "--ca FILE") || time.Since(began) > 30*time.Second {
			t.Errorf("%v: exit %d after %s: %s", args, exit, time.Since(began), said)
		}
		for _, wrong := range []string{filepath.Join(t.TempDir(), "absent.pem"), os.DevNull} {
			if _, said, exit := run(t, append(args, "--ca", wrong)...); exit != 2 || !strings.Contains(said, "hint: ") {
				t.Errorf("%v with %s: exit %d: %s", args, wrong, exit, said)
			}
		}
	}
	must(t, "send", "--url", at, "--ca", ca, file)
	must(t, append(replay, "--ca", ca)...)
	t.Setenv("LAKE_CA", ca)
	must(t, "send", "--url", at, file)
	must(t, replay...)
	if st := s.settle(); st.Books.Unique != 50 || st.Books.Duplicate != 150 {
		t.Errorf("%+v", st.Books)
	}
}

func TestAnAnswerThatStaysTheSameIsNotAskedForAgain(t *testing.T) {
	from := up(t, filepath.Join(t.TempDir(), "from"))
	file := filepath.Join(t.TempDir(), "events.ndjson")
	must(t, "gen", "--events", "50", "--malformed", "0", "-o", file)
	must(t, "send", "--url", from.url(""), file)
	from.settle()
	for status, hint := range map[int]string{401: "--key", 403: "--key", 404: "without a path", 413: "proxy", 421: "", 307: "redirects"} {
		n := 0
		other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			n++
			w.Header().Set("Location", "/elsewhere")
			w.WriteHeader(status)
		}))
		for _, args := range [][]string{{"send", "--connections", "1", "--url", other.URL, file}, {"replay", "--data", from.data, "--to", other.URL}} {
			n = 0
			began := time.Now()
			_, said, exit := run(t, args...)
			if exit != 1 || n > 10 || !strings.Contains(said, hint) || time.Since(began) > 30*time.Second {
				t.Errorf("%d, %v: exit %d after %d requests and %s: %s", status, args, exit, n, time.Since(began), said)
			}
		}
		other.Close()
	}
}
