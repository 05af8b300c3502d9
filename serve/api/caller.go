package api

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"

	"github.com/eventlake/lake"
)

// Role is what a caller may do.
type Role string

// The roles; Admin includes the other two.
const (
	Write Role = "write"
	Read  Role = "read"
	Admin Role = "admin"
)

// Caller is who a request comes from.
type Caller struct {
	Key    string // the key's id: may be logged, is not the secret
	Source lake.SourceID
	Role   Role
}

// Authenticator finds the caller that a secret belongs to. ErrInvalid when
// there is none; its message and hint go to the client.
type Authenticator func(secret string) (Caller, error)

// Authenticate returns the request's caller if it may do one of the needed
// things, an *Error (401, 403) otherwise. The secret comes as a bearer token
// or as the user name of basic authentication.
func (a Authenticator) Authenticate(r *http.Request, need ...Role) (Caller, error) {
	secret, ok := Secret(r)
	if !ok {
		return Caller{}, &Error{Status: http.StatusUnauthorized, Code: CodeUnauthorized, Message: "this needs a key",
			Hint: "send `Authorization: Bearer lk_...`, or the key as the user name of basic authentication"}
	}
	c, err := a(secret)
	if errors.Is(err, lake.ErrInvalid) {
		return Caller{}, &Error{Status: http.StatusUnauthorized, Code: CodeUnauthorized, Message: strings.TrimSuffix(err.Error(), ": "+lake.ErrInvalid.Error()), Hint: lake.Hint(err)}
	}
	if err != nil {
		return Caller{}, err
	}
	if c.Role != Admin && !slices.Contains(need, c.Role) {
		return Caller{}, &Error{Status: http.StatusForbidden, Code: CodeForbidden, Message: "key " + c.Key + " is a " + string(c.Role) + " key",
			Hint: "this needs a " + string(need[0]) + " key"}
	}
	return c, nil
}

// Secret returns the key that the request carries.
func Secret(r *http.Request) (string, bool) {
	auth := r.Header.Get("Authorization")
	if scheme, token, ok := strings.Cut(auth, " "); ok && strings.EqualFold(scheme, "Bearer") {
		token = strings.TrimSpace(token)
		return token, token != ""
	}
	user, _, ok := r.BasicAuth()
	return user, ok && user != ""
}

type callerKey struct{}

// Guard lets only callers with one of the roles through to next; CallerOf
// finds them there. With a nil Authenticator everybody may pass.
func (a Authenticator) Guard(next http.Handler, need ...Role) http.Handler {
	if a == nil {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, err := a.Authenticate(r, need...)
		if err != nil {
			Refuse(w, r, err)
			return
		}
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), callerKey{}, c)))
	})
}

// Refuse is Fail for errors of Authenticate: a 401 also says how to ask again.
func Refuse(w http.ResponseWriter, r *http.Request, err error) {
	if Classify(err).Status == http.StatusUnauthorized {
		w.Header().Set("WWW-Authenticate", `Bearer realm="lake"`)
	}
	Fail(w, r, err)
}

// CallerOf returns the caller that Guard let through, the zero Caller when
// keys are off.
func CallerOf(ctx context.Context) Caller {
	c, _ := ctx.Value(callerKey{}).(Caller) // the zero Caller is the answer
	return c
}
