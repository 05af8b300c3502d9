package collect

import (
	"net/http"
	"net/url"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/serve/api"
)

// identify finds out whose events these are and sets j.source. It returns the
// name that the rate limits count under.
func (h *Handler) identify(r *http.Request, j *job) (bucket string, err error) {
	caller := api.Caller{Source: lake.DefaultSource}
	free := h.cfg.AnySource
	if h.cfg.Keys != nil {
		if caller, err = h.cfg.Keys.Authenticate(r, api.Write); err != nil {
			return "", err
		}
		free = caller.Role == api.Admin
	} else if err := h.checkOrigin(r); err != nil {
		return "", err
	}
	j.source = caller.Source
	if asked := askedSource(r); asked != "" && asked != caller.Source {
		if err := asked.Validate(); err != nil {
			return "", err
		}
		if !free {
			return "", &api.Error{Status: http.StatusForbidden, Code: api.CodeForbidden, Message: "events of source " + quote(string(asked)) + " may not be sent here",
				Hint: "use a key of that source, or leave the source out to send for " + string(caller.Source)}
		}
		j.source = asked
	}
	if caller.Key != "" {
		return caller.Key, nil
	}
	return string(j.source), nil
}

func askedSource(r *http.Request) lake.SourceID {
	if s := r.Header.Get(HeaderSource); s != "" {
		return lake.SourceID(s)
	}
	if r.URL.RawQuery == "" {
		return ""
	}
	return lake.SourceID(r.URL.Query().Get("source"))
}

// checkOrigin keeps strange web pages from sending to a lake without keys: a
// browser lets every page post text to 127.0.0.1 without asking first.
func (h *Handler) checkOrigin(r *http.Request) error {
	origin := r.Header.Get("Origin")
	if origin == "" || h.origins["*"] || h.origins[origin] {
		return nil
	}
	if u, err := url.Parse(origin); err == nil && u.Host == r.Host {
		return nil
	}
	return &api.Error{Status: http.StatusForbidden, Code: codeOrigin, Message: "web pages from " + quote(origin) + " may not send here",
		Hint: "add the origin to the list of allowed ones"}
}
