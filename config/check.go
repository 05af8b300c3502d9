package config

import (
	"fmt"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/transform"
)

// requestsInMemory is how many of the largest requests the collector's memory
// must hold: below that one client's large requests would shut out all others.
const requestsInMemory = 8

// check looks at values beside each other, once every layer is read.
func (r *reader) check() {
	c := r.config
	if c.Data == "" {
		r.wrong("data", "name a directory, e.g. ./lake-data", "is empty")
	}
	r.checkListen()
	if c.TLS.Cert == "" && c.TLS.Key != "" {
		r.wrong("tls.key", "set tls.cert too", "a key without a certificate")
	}
	if c.TLS.Cert != "" && c.TLS.Key == "" {
		r.wrong("tls.cert", "set tls.key too", "a certificate without a key")
	}
	for _, origin := range c.CORS.Origins {
		u, err := url.Parse(origin)
		if origin != "*" && (err != nil || u.Host == "" || u.Path != "" || u.Scheme != "http" && u.Scheme != "https") {
			r.wrong("cors.origins", "write scheme and host, e.g. https://app.example.com", "%q is no origin", origin)
		}
	}
	if least := requestsInMemory * c.Limits.RequestBytes; c.Limits.Memory < least {
		r.wrong("limits.memory", fmt.Sprintf("raise it to %s, or lower limits.request_bytes", least),
			"%s is less than %d requests of limits.request_bytes (%s)", c.Limits.Memory, requestsInMemory, c.Limits.RequestBytes)
	}
	if c.Claims.TTL < c.Stream.Retention {
		r.wrong("claims.ttl", "make it at least stream.retention plus the time that producers go on retrying", "ids are forgotten (%s) before the stream is (%s)", FormatDuration(c.Claims.TTL), FormatDuration(c.Stream.Retention))
	}
	for id, source := range c.Sources {
		r.checkSource("sources."+string(id)+".event", source.Event)
	}
}

// checkListen wants host:port, and keys wherever others can reach it.
func (r *reader) checkListen() {
	host, port, err := net.SplitHostPort(r.config.Listen)
	if err == nil {
		_, err = strconv.ParseUint(port, 10, 16)
	}
	if err != nil {
		r.wrong("listen", "write host:port, e.g. 127.0.0.1:8080 or :8080 for every address", "%q is no address", r.config.Listen)
		return
	}
	if r.config.Keys.Required == "off" && !loopback(host) {
		r.wrong("keys.required", "use auto or on, or listen on 127.0.0.1", "keys can be off only on a loopback address, not on %s", r.config.Listen)
	}
}

// checkSource looks at one mapping. What was reported is put right on the way,
// so that all of it is reported at once, and nothing twice.
func (r *reader) checkSource(key string, e Event) {
	m, problems := e.mapping(r.config.Limits.Depth)
	for _, p := range problems {
		r.wrong(key+"."+p.Key, p.Hint, "%s", p.What)
	}
	switch {
	case e.Name != "" && (e.Type != "" || e.Subtype != ""):
		r.wrong(key+".name", `keep name where one field holds "type:subtype", type and subtype where they are apart`, "name and type are both set")
		m.Type, m.Subtype = nil, nil
	case e.Subtype != "" && e.Type == "" && e.DefaultType == "":
		r.wrong(key+".subtype", "add type, or default_type", "a subtype without a type")
		m.Type = m.Subtype
	}
	_, err := transform.New(m)
	for _, err := range each(err) {
		r.wrong(key, lake.Hint(err), "%s", strings.TrimSuffix(err.Error(), ": "+lake.ErrInvalid.Error()))
	}
}

// each takes joined errors apart.
func each(err error) []error {
	if many, ok := err.(interface{ Unwrap() []error }); ok {
		return many.Unwrap()
	}
	if err == nil {
		return nil
	}
	return []error{err}
}

// wrong notes a problem of a key at the place that its value, or the nearest
// section around it, came from.
func (r *reader) wrong(key, hint, format string, args ...any) {
	origin, section := r.origins[key], key
	for origin == (Origin{}) && strings.Contains(section, ".") {
		section = section[:strings.LastIndexByte(section, '.')]
		origin = r.origins[section]
	}
	p := Problem{Origin: origin, Key: key, What: fmt.Sprintf(format, args...), Hint: hint}
	if !slices.Contains(r.problems, p) {
		r.problems = append(r.problems, p)
	}
}
