package awslocal

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httputil"
	"net/url"
	"sync"
)

// StartGlue serves moto's Glue with the check that moto leaves out and that
// every lock-free catalog relies on: UpdateTable with a VersionId that is not the
// table's own any more is refused with ConcurrentModificationException, and of
// several updates from one version at the same time one wins. Everything else
// is moto's answer. It does not end moto.
func StartGlue(moto *Endpoint) (*Endpoint, error) {
	to, err := url.Parse(moto.URL)
	if err != nil {
		return nil, fmt.Errorf("glue in front of %q: %w", moto.URL, err)
	}
	g := &glueCheck{moto: moto.URL, pass: &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(to)
		r.Out.Host = r.In.Host
	}}}
	return Serve(g)
}

// glueCheck looks at updates on their way to moto.
type glueCheck struct {
	moto string
	pass http.Handler

	mu sync.Mutex // one update at a time
}

// ServeHTTP answers one call.
func (g *glueCheck) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("X-Amz-Target") != "AWSGlue.UpdateTable" {
		g.pass.ServeHTTP(w, r)
		return
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		glueError(w, "InvalidInputException", err.Error())
		return
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	g.mu.Lock()
	defer g.mu.Unlock()
	same, err := g.same(r.Context(), r.Header, body)
	switch {
	case err != nil:
		glueError(w, "InvalidInputException", err.Error())
	case !same:
		glueError(w, "ConcurrentModificationException", "Update table failed due to concurrent modifications.")
	default:
		g.pass.ServeHTTP(w, r)
	}
}

// same reports whether an update names no version, or the table's own. A table
// that moto does not know is moto's to refuse.
func (g *glueCheck) same(ctx context.Context, header http.Header, body []byte) (bool, error) {
	var in struct {
		DatabaseName string
		VersionID    *string `json:"VersionId"`
		TableInput   struct{ Name string }
	}
	if err := json.Unmarshal(body, &in); err != nil {
		return false, fmt.Errorf("update of a table: %w", err)
	}
	if in.VersionID == nil {
		return true, nil
	}
	ask, err := json.Marshal(map[string]string{"DatabaseName": in.DatabaseName, "Name": in.TableInput.Name})
	if err != nil {
		return false, fmt.Errorf("update of a table: %w", err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, g.moto+"/", bytes.NewReader(ask))
	if err != nil {
		return false, fmt.Errorf("update of a table: %w", err)
	}
	req.Header = header.Clone()
	req.Header.Set("X-Amz-Target", "AWSGlue.GetTable")
	req.Header.Del("Content-Length")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return false, fmt.Errorf("version of table %s: %w", in.TableInput.Name, err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return true, nil
	}
	var out struct {
		Table struct {
			VersionID string `json:"VersionId"`
		}
	}
	if err := json.NewDecoder(res.Body).Decode(&out); err != nil {
		return false, fmt.Errorf("version of table %s: %w", in.TableInput.Name, err)
	}
	return out.Table.VersionID == *in.VersionID, nil
}

func glueError(w http.ResponseWriter, kind, message string) {
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	w.WriteHeader(http.StatusBadRequest)
	_ = json.NewEncoder(w).Encode(map[string]string{"__type": kind, "Message": message}) // a caller that went away asks again
}
