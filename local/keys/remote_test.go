package keys_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/local/keys"
)

// elsewhere is a keys file behind something that can fail.
type elsewhere struct {
	t     *testing.T
	dir   string
	fail  error
	reads int
}

func (e *elsewhere) read(context.Context) ([]byte, error) {
	e.reads++
	if e.fail != nil {
		return nil, e.fail
	}
	return os.ReadFile(filepath.Join(e.dir, keys.Name))
}

// remote returns a Remote of a file with one key, and the key.
func remote(t *testing.T, c *clock, log *slog.Logger) (r *keys.Remote, e *elsewhere, s *keys.Store, secret, id string) {
	t.Helper()
	e = &elsewhere{t: t, dir: t.TempDir()}
	s = open(t, e.dir, c)
	secret, k := create(t, s, "web", keys.Write)
	r, err := keys.OpenRemote(t.Context(), "s3://b/keys.json", e.read, keys.RemoteOptions{Clock: c.read, Logger: log})
	if err != nil {
		t.Fatal(err)
	}
	return r, e, s, secret, k.ID
}

func TestARevokedKeyIsRefusedAMinuteLaterByWhoeverReadsElsewhere(t *testing.T) {
	c := &clock{now: 1_700_000_000_000_000}
	r, e, s, secret, id := remote(t, c, nil)
	if _, err := s.Revoke(id); err != nil {
		t.Fatal(err)
	}
	c.add(59 * time.Second)
	if k, err := r.Authenticate(secret); err != nil || k.Source != "web" || e.reads != 1 {
		t.Fatalf("%+v, %v, %d reads: the file is read too often", k, err, e.reads)
	}
	c.add(time.Second)
	if _, err := r.Authenticate(secret); !errors.Is(err, lake.ErrInvalid) || !strings.Contains(err.Error(), "revoked") {
		t.Fatalf("revoked a minute ago: %v", err)
	}
	fresh, _ := create(t, s, "app", keys.Write)
	c.add(time.Minute)
	if k, err := r.Authenticate(fresh); err != nil || k.Source != "app" {
		t.Fatalf("a new key is not known: %v", err)
	}
	c.add(-time.Hour) // a clock that is set back must not keep keys for an hour
	reads := e.reads
	if _, err := r.Authenticate(fresh); err != nil || e.reads != reads+1 {
		t.Fatalf("%v, %d reads after the clock was set back", err, e.reads-reads)
	}
}

func TestKeysThatCannotBeReadAreTrustedForABoundedTime(t *testing.T) {
	for name, broken := range map[string]func(e *elsewhere){
		"the service fails": func(e *elsewhere) { e.fail = errors.New("no answer") },
		"the file is gone": func(e *elsewhere) {
			if err := os.Remove(filepath.Join(e.dir, keys.Name)); err != nil {
				e.t.Fatal(err)
			}
		},
		"the file is damaged": func(e *elsewhere) {
			if err := os.WriteFile(filepath.Join(e.dir, keys.Name), []byte(`{"version":1`), 0o600); err != nil {
				e.t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			c := &clock{now: 1_700_000_000_000_000}
			var log bytes.Buffer
			r, e, _, secret, _ := remote(t, c, slog.New(slog.NewTextHandler(&log, nil)))
			whole, err := os.ReadFile(filepath.Join(e.dir, keys.Name))
			if err != nil {
				t.Fatal(err)
			}
			broken(e)
			c.add(2 * time.Minute)
			if _, err := r.Authenticate(secret); err != nil || strings.Count(log.String(), "level=WARN") != 1 {
				t.Fatalf("after a reading that failed: %v, log %s", err, &log)
			}
			reads := e.reads
			if _, err := r.Authenticate(secret); err != nil || e.reads != reads {
				t.Fatalf("every request waits for a service that fails: %v, %d reads", err, e.reads-reads)
			}
			c.add(8 * time.Minute)
			if _, err := r.Authenticate(secret); err != nil || !strings.Contains(log.String(), "level=ERROR") {
				t.Fatalf("after ten minutes: %v, log %s", err, &log)
			}
			c.add(time.Second)
			for range 2 {
				if _, err := r.Authenticate(secret); !errors.Is(err, keys.ErrUnread) || errors.Is(err, lake.ErrInvalid) {
					t.Fatalf("keys of more than ten minutes ago: %v", err)
				}
			}
			e.fail = nil
			if err := os.WriteFile(filepath.Join(e.dir, keys.Name), whole, 0o600); err != nil {
				t.Fatal(err)
			}
			c.add(10 * time.Second)
			if _, err := r.Authenticate(secret); err != nil {
				t.Fatalf("the file is there again: %v", err)
			}
		})
	}
}

func TestKeysThatAreNotThereAtTheStartAreAnError(t *testing.T) {
	e := &elsewhere{t: t, dir: t.TempDir()}
	if _, err := keys.OpenRemote(t.Context(), "s3://b/keys.json", e.read, keys.RemoteOptions{}); !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
}

func TestARequestWaitsForReadingOnlySoLong(t *testing.T) {
	c := &clock{now: 1_700_000_000_000_000}
	e := &elsewhere{t: t, dir: t.TempDir()}
	secret, _ := create(t, open(t, e.dir, c), "web", keys.Write)
	slow := false
	r, err := keys.OpenRemote(t.Context(), "s3://b/keys.json", func(ctx context.Context) ([]byte, error) {
		if slow {
			<-ctx.Done()
			return nil, ctx.Err()
		}
		return e.read(ctx)
	}, keys.RemoteOptions{Clock: c.read, Timeout: time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	slow = true
	c.add(time.Minute)
	if _, err := r.Authenticate(secret); err != nil {
		t.Fatal(err)
	}
}
