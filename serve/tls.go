package serve

import (
	"crypto/tls"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"

	"github.com/eventlake/lake"
)

// certificate is a certificate in files, read again when they change, so that
// a renewal needs no restart.
type certificate struct {
	files TLS
	log   *slog.Logger

	mu      sync.Mutex
	current *tls.Certificate
	state   [2]fileState
	checked time.Time
}

type fileState struct {
	size int64
	time time.Time
}

const hintTLS = "check that both files exist, are PEM and belong together"

func loadCertificate(files TLS, log *slog.Logger) (*certificate, error) {
	c := &certificate{files: files, log: log}
	state, err := c.look()
	if err == nil {
		err = c.load(state)
	}
	if err != nil {
		return nil, lake.Errorf(lake.ErrInvalid, hintTLS, "tls certificate: %s", err)
	}
	return c, nil
}

// get implements tls.Config.GetCertificate. While new files cannot be read or
// do not fit together, as in the middle of a renewal, the old ones stay.
func (c *certificate) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if now := time.Now(); now.Sub(c.checked) >= time.Second {
		c.checked = now
		state, err := c.look()
		if err == nil && state != c.state {
			err = c.load(state)
		}
		if err != nil {
			c.log.Error("tls certificate not reloaded, the old one stays", "error", err, "hint", hintTLS)
		}
	}
	return c.current, nil
}

func (c *certificate) load(state [2]fileState) error {
	cert, err := tls.LoadX509KeyPair(c.files.Cert, c.files.Key)
	if err != nil {
		return err
	}
	c.current, c.state = &cert, state
	return nil
}

func (c *certificate) look() (state [2]fileState, err error) {
	for i, name := range []string{c.files.Cert, c.files.Key} {
		st, err := os.Stat(name)
		if err != nil {
			return state, fmt.Errorf("look at tls file: %w", err)
		}
		state[i] = fileState{st.Size(), st.ModTime()}
	}
	return state, nil
}
