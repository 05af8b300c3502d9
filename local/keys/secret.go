package keys

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"strings"
)

const (
	prefix      = "lk_"
	idBytes     = 6
	secretBytes = 32 // 256 bits
)

// newSecret returns a fresh id and the whole secret around it. crypto/rand
// never fails: it ends the program when the system has no randomness.
func newSecret() (id, secret string) {
	var b [idBytes + secretBytes]byte
	rand.Read(b[:]) // documented to always succeed
	id = hex.EncodeToString(b[:idBytes])
	return id, prefix + id + "_" + hex.EncodeToString(b[idBytes:])
}

// idOf returns the id inside a secret, "" when it does not look like one.
func idOf(secret string) string {
	const length = len(prefix) + 2*idBytes + 1 + 2*secretBytes
	if len(secret) != length || !strings.HasPrefix(secret, prefix) || secret[len(prefix)+2*idBytes] != '_' {
		return ""
	}
	return secret[len(prefix) : len(prefix)+2*idBytes]
}

func hashOf(secret string) [sha256.Size]byte { return sha256.Sum256([]byte(secret)) }
