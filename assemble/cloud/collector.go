package cloud

import (
	"context"
	"fmt"
	"net/http"
	"path/filepath"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/assemble/front"
	"github.com/eventlake/lake/collect"
	"github.com/eventlake/lake/local/disk"
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
// when keys are off. They are read once a process: a revoked key is refused by
// new processes, and by all when the function's configuration is touched.
func (c *Cloud) authenticator(ctx context.Context) (api.Authenticator, error) {
	if c.Config.AWS.Keys == "" {
		if c.Config.Keys.Required == "on" {
			return nil, lake.Errorf(lake.ErrInvalid, "set LAKE_AWS_KEYS to the key of the object with the write keys", "keys are required and there are none")
		}
		return nil, nil
	}
	store, err := c.Store()
	if err != nil {
		return nil, err
	}
	path, err := fetch(ctx, store, lake.Key(c.Config.AWS.Keys))
	if err != nil {
		return nil, err
	}
	known, err := keys.Open(disk.OS{}, filepath.Dir(path), keys.Options{Logger: c.Log})
	if err != nil {
		return nil, fmt.Errorf("keys of %s: %w", c.Config.AWS.Keys, err)
	}
	return front.Authenticator(known), nil
}
