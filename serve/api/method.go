package api

import (
	"net/http"
	"slices"
	"strings"
)

// Methods lets only these methods through to next; others get 405 and the list.
func Methods(next http.Handler, methods ...string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if slices.Contains(methods, r.Method) {
			next.ServeHTTP(w, r)
			return
		}
		RefuseMethod(w, r, methods...)
	})
}

// RefuseMethod answers 405 with the list of methods that would do.
func RefuseMethod(w http.ResponseWriter, r *http.Request, methods ...string) {
	list := strings.Join(methods, ", ")
	w.Header().Set("Allow", list)
	Fail(w, r, &Error{Status: http.StatusMethodNotAllowed, Code: CodeMethod, Message: r.Method + " is not possible here", Hint: "use " + list})
}
