package stream

import (
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"path/filepath"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/local/disk"
)

const (
	metaName      = "stream.json"
	consumersName = "consumers"
	formatVersion = 1
)

const metaHint = "restore stream.json from a backup, or run: lake doctor --repair"

// meta is what is fixed when a stream is made.
type meta struct {
	Version int    `json:"version"`
	Shards  int    `json:"shards"`
	Salt    uint64 `json:"salt,string"`
}

func newMeta(shards int) (meta, error) {
	var b [8]byte
	if _, err := rand.Read(b[:]); err != nil {
		return meta{}, err
	}
	return meta{Version: formatVersion, Shards: shards, Salt: binary.LittleEndian.Uint64(b[:])}, nil
}

// readMeta returns the stream's meta file; an error that is fs.ErrNotExist when
// there is none.
func readMeta(fsys disk.FS, dir string) (meta, error) {
	var m meta
	path := filepath.Join(dir, metaName)
	if err := readJSON(fsys, path, metaHint, &m); err != nil {
		return m, err
	}
	if m.Version != formatVersion {
		return m, lake.Errorf(lake.ErrInvalid, "use the version of lake that made this data directory, or a newer one",
			"%s: format version %d is not known here", path, m.Version)
	}
	if m.Shards < 1 || m.Shards > MaxShards {
		return m, lake.Errorf(lake.ErrCorrupt, metaHint, "%s: %d shards", path, m.Shards)
	}
	return m, nil
}

const shardPrefix = "shard-"

func shardName(n int) string { return fmt.Sprintf("%s%03d", shardPrefix, n) }
