package stream

import (
	"bytes"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"io"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/local/disk"
)

// envelope is a small JSON file that checks itself.
type envelope struct {
	Content json.RawMessage `json:"content"`
	CRC     string          `json:"crc32c"` // of content as it stands, 8 hex digits
}

// seal is the file's text. It has no freedom: one content has one text.
func seal(content []byte) ([]byte, error) {
	data, err := json.Marshal(envelope{content, checksum(content)})
	return append(data, '\n'), err
}

// writeJSON writes v whole or not at all, durably.
func writeJSON(fsys disk.FS, path string, v any) error {
	content, err := json.Marshal(v)
	if err != nil {
		return err
	}
	data, err := seal(content)
	if err != nil {
		return err
	}
	return disk.WriteWhole(fsys, path, func(w io.Writer) error {
		_, err := w.Write(data)
		return err
	})
}

// readJSON reads what writeJSON wrote, byte by byte; lake.ErrCorrupt when
// anything is different. The checksum alone would not do: it is of the content,
// and JSON's reader forgives a name in capitals and what follows the object.
func readJSON(fsys disk.FS, path, hint string, v any) error {
	data, err := disk.ReadWhole(fsys, path)
	if err != nil {
		return err
	}
	var e envelope
	if err := json.Unmarshal(data, &e); err != nil {
		return lake.Errorf(lake.ErrCorrupt, hint, "%s: %v", path, err)
	}
	if same, err := seal(e.Content); err != nil || !bytes.Equal(same, data) {
		return lake.Errorf(lake.ErrCorrupt, hint, "%s: checksum does not match", path)
	}
	if err := json.Unmarshal(e.Content, v); err != nil {
		return lake.Errorf(lake.ErrCorrupt, hint, "%s: %v", path, err)
	}
	return nil
}

func checksum(b []byte) string {
	return fmt.Sprintf("%08x", crc32.Checksum(b, crc32.MakeTable(crc32.Castagnoli)))
}
