// Package front is what stands before the stream of every lake, at home and in
// a cloud.
package front

import (
	"github.com/eventlake/lake/collect"
	"github.com/eventlake/lake/config"
	"github.com/eventlake/lake/local/keys"
	"github.com/eventlake/lake/serve/api"
)

// Limits are the collector's.
func Limits(l config.Limits) collect.Limits {
	return collect.Limits{
		Events: l.RequestEvents, Request: int64(l.RequestBytes), Memory: int64(l.Memory),
		ReadTimeout: l.ReadTimeout, EventRate: float64(l.Rate),
	}
}

// Keys are what a secret is looked up in.
type Keys interface {
	Authenticate(secret string) (keys.Key, error)
}

// Authenticator finds the caller of a key.
func Authenticator(known Keys) api.Authenticator {
	return func(secret string) (api.Caller, error) {
		k, err := known.Authenticate(secret)
		if err != nil {
			return api.Caller{}, err
		}
		return api.Caller{Key: k.ID, Source: k.Source, Role: api.Role(k.Role)}, nil
	}
}
