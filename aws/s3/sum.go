package s3

import (
	"encoding/base64"
	"encoding/binary"
	"hash/crc32"
	"io"
)

// castagnoli is the polynomial of S3's CRC32C, lake.Info and lake.File.
var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func crcUpdate(crc uint32, p []byte) uint32 { return crc32.Update(crc, castagnoli, p) }

// encodeCRC writes a CRC-32C as S3's headers do.
func encodeCRC(crc uint32) *string {
	s := base64.StdEncoding.EncodeToString(binary.BigEndian.AppendUint32(nil, crc))
	return &s
}

// decodeCRC reads a CRC-32C of a whole object; not ok for anything else, such
// as the checksum of the parts' checksums ("...-3") that uploads by other
// programs have.
func decodeCRC(s *string) (crc uint32, ok bool) {
	if s == nil {
		return 0, false
	}
	b, err := base64.StdEncoding.DecodeString(*s)
	if err != nil || len(b) != crc32.Size {
		return 0, false
	}
	return binary.BigEndian.Uint32(b), true
}

// checksum reads to the end.
func checksum(r io.Reader) (uint32, error) {
	h := crc32.New(castagnoli)
	_, err := io.Copy(h, r)
	return h.Sum32(), err
}
