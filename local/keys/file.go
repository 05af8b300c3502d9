package keys

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"strings"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/local/disk"
)

// Name is the name of the keys file in the data directory.
const Name = "keys.json"

const formatVersion = 1

// document is the file: what json.MarshalIndent makes of it, and a line end, is
// the format. CRC32C is of the same text without it; a file that an older lake
// wrote has none.
type document struct {
	Version int     `json:"version"`
	Keys    []entry `json:"keys"`
	CRC32C  string  `json:"crc32c,omitempty"` // 8 hex digits
}

// encode writes the document with its checksum.
func (d document) encode() ([]byte, error) {
	d.CRC32C = ""
	text, err := json.MarshalIndent(d, "", "  ")
	if err != nil {
		return nil, err
	}
	d.CRC32C = fmt.Sprintf("%08x", crc32.Checksum(text, crc32.MakeTable(crc32.Castagnoli)))
	if text, err = json.MarshalIndent(d, "", "  "); err != nil {
		return nil, err
	}
	return append(text, '\n'), nil
}

type entry struct {
	ID      string        `json:"id"`
	Source  lake.SourceID `json:"source"`
	Role    Role          `json:"role"`
	Note    string        `json:"note,omitempty"`
	Created lake.Instant  `json:"created_us"`
	Revoked lake.Instant  `json:"revoked_us,omitempty"`
	SHA256  string        `json:"sha256"`
}

// load reads the file; one that does not exist holds no keys.
func load(fsys disk.FS, path string) ([]Key, error) {
	data, err := disk.ReadWhole(fsys, path)
	if disk.IsNotExist(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read keys: %w", err)
	}
	return decode(path, data)
}

func decode(path string, data []byte) ([]Key, error) {
	const hint = "restore the file from a back-up, or delete it and make new keys with `lake keys create`"
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	var doc document
	if err := dec.Decode(&doc); err != nil {
		return nil, lake.Errorf(lake.ErrCorrupt, hint, "keys file %s: %s", path, err)
	}
	if doc.Version != formatVersion {
		return nil, lake.Errorf(lake.ErrCorrupt, "a newer lake wrote it: use that version",
			"keys file %s has version %d, this program knows %d", path, doc.Version, formatVersion)
	}
	if doc.CRC32C != "" {
		// The form has no freedom, so one comparison finds every changed bit.
		if same, err := doc.encode(); err != nil || !bytes.Equal(same, data) {
			return nil, lake.Errorf(lake.ErrCorrupt, hint, "keys file %s does not match its checksum", path)
		}
	}
	keys := make([]Key, len(doc.Keys))
	for i, e := range doc.Keys {
		k := Key{ID: e.ID, Source: e.Source, Role: e.Role, Note: e.Note, Created: e.Created, Revoked: e.Revoked}
		n, err := hex.Decode(k.hash[:], []byte(e.SHA256[:min(len(e.SHA256), 2*len(k.hash))]))
		if err != nil || n != len(k.hash) || len(e.SHA256) != 2*len(k.hash) || len(e.ID) != 2*idBytes {
			return nil, lake.Errorf(lake.ErrCorrupt, hint, "keys file %s: key %d (%q)", path, i, e.ID)
		}
		if e.Role.Validate() != nil || e.Source.Validate() != nil {
			return nil, lake.Errorf(lake.ErrCorrupt, hint, "keys file %s: key %d (%q): role %q, source %q", path, i, e.ID, e.Role, e.Source)
		}
		keys[i] = k
	}
	return keys, nil
}

// save replaces the file; when it returns nil the change is durable.
func save(fsys disk.FS, path string, keys []Key) error {
	doc := document{Version: formatVersion, Keys: make([]entry, len(keys))}
	for i, k := range keys {
		note := strings.ToValidUTF8(k.Note, "\uFFFD") // what JSON would make of it, but the same when it is read and written again
		doc.Keys[i] = entry{k.ID, k.Source, k.Role, note, k.Created, k.Revoked, hex.EncodeToString(k.hash[:])}
	}
	data, err := doc.encode()
	if err != nil {
		return fmt.Errorf("encode keys: %w", err)
	}
	err = disk.WriteWhole(private{fsys}, path, func(w io.Writer) error {
		_, err := w.Write(data)
		return err
	})
	if err != nil {
		return fmt.Errorf("write keys: %w", disk.Full(err))
	}
	return nil
}

// private makes files that only their owner can read, where the file system
// knows owners. The mode is set while the file is still empty.
type private struct{ disk.FS }

func (p private) Create(path string) (disk.File, error) {
	f, err := p.FS.Create(path)
	if err != nil {
		return nil, err
	}
	if c, ok := f.(interface{ Chmod(fs.FileMode) error }); ok {
		if err := c.Chmod(0o600); err != nil {
			return nil, errors.Join(err, f.Close())
		}
	}
	return f, nil
}
