package cloud

import (
	"context"
	"errors"
	"io"
	"net/http"
	"time"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/assemble/front"
	"github.com/eventlake/lake/collect"
	"github.com/eventlake/lake/local/keys"
	"github.com/eventlake/lake/serve/api"
)

// Collector is the collector's handler in front of the stream, at /v1/events.
func (c *Cloud) Collector(ctx context.Context) (http.Handler, error) {
	stream, err := c.Stream()
	if err != nil {
		return nil, err
	}
	sources, err := c.Config.Transformers()
	if err != nil {
		return nil, err
	}
	authenticate, err := c.authenticator(ctx)
	if err != nil {
		return nil, err
	}
	cfg := c.Config
	h, err := collect.New(collect.Config{
		Stream: stream, Sources: sources, Keys: authenticate, AnySource: authenticate == nil,
		Origins: cfg.CORS.Origins, Clock: c.Clock, Logger: c.Log,
		Limits: front.Limits(cfg.Limits),
	})
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.Handle("/v1/events", h)
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
	return mux, nil
}

// authenticator knows the write keys of the object that aws.keys names; nil
// when keys are off. They are read again every minute in which requests come.
func (c *Cloud) authenticator(ctx context.Context) (api.Authenticator, error) {
	name := lake.Key(c.Config.AWS.Keys)
	if name == "" {
		if c.Config.Keys.Required == "on" {
			return nil, lake.Errorf(lake.ErrInvalid, "set LAKE_AWS_KEYS to the key of the object with the write keys", "keys are required and there are none")
		}
		return nil, nil
	}
	store, err := c.Store()
	if err != nil {
		return nil, err
	}
	known, err := keys.OpenRemote(ctx, string(name), func(ctx context.Context) ([]byte, error) { return content(ctx, store, name) },
		keys.RemoteOptions{Clock: c.Clock, Logger: c.Log})
	if err != nil {
		return nil, err
	}
	authenticate := front.Authenticator(known)
	return func(secret string) (api.Caller, error) {
		caller, err := authenticate(secret)
		if errors.Is(err, keys.ErrUnread) {
			return caller, &api.Error{Status: http.StatusServiceUnavailable, Code: "busy", Message: "keys cannot be checked now; nothing was stored",
				Hint: "send the same request again after a moment; the operator finds the cause in the log", RetryAfter: 10 * time.Second}
		}
		return caller, err
	}, nil
}

// maxKeys bounds the file of keys in bytes: some 40,000 keys.
const maxKeys = 16 << 20

// content is the whole of a small object.
func content(ctx context.Context, store lake.Store, key lake.Key) (_ []byte, err error) {
	in, err := store.Open(ctx, key)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, in.Close()) }()
	if in.Size() > maxKeys {
		return nil, lake.Errorf(lake.ErrLimit, "take keys out that were revoked long ago", "%d bytes, at most %d", in.Size(), maxKeys)
	}
	return io.ReadAll(in)
}
