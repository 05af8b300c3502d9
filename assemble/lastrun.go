package assemble

import (
	"encoding/json"
	"errors"
	"io"
	"path/filepath"
	"syscall"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/local/disk"
)

// lastRunName is the file in a data directory that says how the lake was last
// run, for commands that work on it while it is stopped.
const lastRunName = "last-run.json"

// LastRun is how a lake was last run.
type LastRun struct {
	// Config is the absolute path of the configuration file; where none was
	// named, of the one that would have been read.
	Config string `json:"config"`
	Found  bool   `json:"found"`            // there was such a file; false: the defaults
	SHA256 string `json:"sha256,omitempty"` // of the file, in hex
}

// Remember keeps how the lake is run, durably, for ReadLastRun.
func (l *Local) Remember(r LastRun) error {
	return disk.WriteWhole(disk.OS{}, filepath.Join(l.Config.Data, lastRunName), func(w io.Writer) error {
		return json.NewEncoder(w).Encode(r)
	})
}

// ReadLastRun returns how the lake in the directory was last run; ok is false
// when nothing is known. lake.ErrCorrupt when the file cannot be understood.
func ReadLastRun(data string) (r LastRun, ok bool, err error) {
	path := filepath.Join(data, lastRunName)
	b, err := disk.ReadWhole(disk.OS{}, path)
	if disk.IsNotExist(err) || errors.Is(err, syscall.ENOTDIR) { // what is no lake is for the caller to say
		return r, false, nil
	}
	if err != nil {
		return r, false, err
	}
	if err := json.Unmarshal(b, &r); err != nil || !filepath.IsAbs(r.Config) {
		return r, false, lake.Errorf(lake.ErrCorrupt, "delete it; the next lake up writes it again", "%s", path)
	}
	return r, true, nil
}
