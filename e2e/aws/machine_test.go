package aws

import (
	"log/slog"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	"github.com/eventlake/lake/assemble"
	"github.com/eventlake/lake/collect"
	"github.com/eventlake/lake/config"
)

// machine is a lake on this machine.
type machine struct {
	*assemble.Local
	t   *testing.T
	url string // of the collector
}

func newMachine(t *testing.T) *machine {
	t.Helper()
	dir := t.TempDir()
	file := filepath.Join(dir, "lake.yaml")
	if err := os.WriteFile(file, []byte(settings), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg, err := config.Load(file, nil, config.Overrides{"data": filepath.Join(dir, "data")})
	if err != nil {
		t.Fatal(err)
	}
	l, err := assemble.Open(t.Context(), cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	front, err := collect.New(collect.Config{Stream: l.Stream, Sources: l.Sources, AnySource: true, Clock: l.Clock, Logger: l.Log, Limits: collect.Limits{
		Events: cfg.Limits.RequestEvents, Request: int64(cfg.Limits.RequestBytes), Memory: int64(cfg.Limits.Memory), ReadTimeout: cfg.Limits.ReadTimeout,
	}})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(front)
	t.Cleanup(server.Close)
	return &machine{Local: l, t: t, url: server.URL}
}

// settle brings everything into tables.
func (m *machine) settle() {
	m.t.Helper()
	if err := m.Settle(m.t.Context()); err != nil {
		m.t.Fatal(err)
	}
}

func (m *machine) state() state {
	return state{name: "the machine", store: m.Store, catalog: m.Catalog, ledger: m.Ledger}
}
