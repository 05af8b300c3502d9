package lambda

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/google/uuid"
)

// URL is a function URL, or an HTTP API in front of a function: HTTP requests
// become payloads of format 2.0 and the answers become HTTP again. Authorisation
// is left out.
func URL(f *Function) http.Handler { return front{f} }

type front struct{ f *Function }

// ServeHTTP answers one request with the function's answer.
func (u front) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(io.LimitReader(r.Body, PayloadLimit+1))
	if err != nil {
		frontError(w, http.StatusBadRequest, "Bad Request")
		return
	}
	payload, err := json.Marshal(frontRequest(u.f.Name(), r, body))
	if err != nil || len(body) > PayloadLimit {
		frontError(w, http.StatusRequestEntityTooLarge, "Request Too Long")
		return
	}
	res, err := u.f.Invoke(r.Context(), payload)
	switch {
	case errors.Is(err, ErrTooLarge):
		frontError(w, http.StatusRequestEntityTooLarge, "Request Too Long")
	case errors.Is(err, ErrThrottled):
		frontError(w, http.StatusTooManyRequests, "Too Many Requests")
	case err != nil:
		frontError(w, http.StatusBadGateway, "Internal Server Error")
	default:
		frontAnswer(w, res.Payload)
	}
}

// frontRequest is the event of one HTTP request.
func frontRequest(name string, r *http.Request, body []byte) events.APIGatewayV2HTTPRequest {
	now := time.Now().UTC()
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		host = r.RemoteAddr
	}
	e := events.APIGatewayV2HTTPRequest{
		Version: "2.0", RouteKey: "$default", RawPath: r.URL.EscapedPath(), RawQueryString: r.URL.RawQuery,
		Headers: map[string]string{"host": r.Host}, QueryStringParameters: map[string]string{},
		RequestContext: events.APIGatewayV2HTTPRequestContext{
			RouteKey: "$default", Stage: "$default", AccountID: "123456789012", APIID: name, DomainName: r.Host, DomainPrefix: name,
			RequestID: uuid.NewString(), Time: now.Format("02/Jan/2006:15:04:05 -0700"), TimeEpoch: now.UnixMilli(),
			HTTP: events.APIGatewayV2HTTPRequestContextHTTPDescription{
				Method: r.Method, Path: r.URL.EscapedPath(), Protocol: r.Proto, SourceIP: host, UserAgent: r.UserAgent(),
			},
		},
	}
	for k, v := range r.Header {
		if k == "Cookie" {
			e.Cookies = v
			continue
		}
		e.Headers[strings.ToLower(k)] = strings.Join(v, ",")
	}
	for k, v := range r.URL.Query() {
		e.QueryStringParameters[k] = strings.Join(v, ",")
	}
	if isText(r.Header) {
		e.Body = string(body)
	} else {
		e.Body, e.IsBase64Encoded = base64.StdEncoding.EncodeToString(body), true
	}
	return e
}

// isText reports whether a body is passed as it is; others are base64.
func isText(h http.Header) bool {
	if h.Get("Content-Encoding") != "" {
		return false
	}
	kind, _, _ := strings.Cut(h.Get("Content-Type"), ";")
	switch kind = strings.TrimSpace(kind); kind {
	case "application/json", "application/javascript", "application/xml", "":
		return true
	}
	return strings.HasPrefix(kind, "text/")
}

// frontAnswer writes what the function returned.
func frontAnswer(w http.ResponseWriter, payload []byte) {
	var out events.APIGatewayV2HTTPResponse
	if err := json.Unmarshal(payload, &out); err != nil || out.StatusCode == 0 {
		w.Header().Set("Content-Type", "application/json") // the answer is the body
		_, _ = w.Write(payload)                            // as below
		return
	}
	body := []byte(out.Body)
	if out.IsBase64Encoded {
		var err error
		if body, err = base64.StdEncoding.DecodeString(out.Body); err != nil {
			frontError(w, http.StatusBadGateway, "Internal Server Error")
			return
		}
	}
	for k, v := range out.Headers {
		w.Header().Set(k, v)
	}
	for k, list := range out.MultiValueHeaders {
		for _, v := range list {
			w.Header().Add(k, v)
		}
	}
	for _, c := range out.Cookies {
		w.Header().Add("Set-Cookie", c)
	}
	w.WriteHeader(out.StatusCode)
	_, _ = w.Write(body) // a client that went away asks again
}

func frontError(w http.ResponseWriter, status int, message string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]string{"message": message}) // as above
}
