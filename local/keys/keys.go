// Package keys keeps the lake's access keys in one small file, keys.json in the
// data directory.
//
// A key is shown once, when it is made: "lk_<id>_<64 hex digits>". The file
// holds its SHA-256 only. A slow password hash would buy nothing here: the
// secret is 256 random bits, not a word that somebody chose, so there is no
// list of guesses to slow down, and a request can be checked in a microsecond.
//
// The file is written whole or not at all, readable by its owner only. A
// running lake notices a change by another process within a second. Remote is
// for a file that is copied to where only its content can be had.
package keys

import (
	"crypto/sha256"

	"github.com/eventlake/lake"
)

// Role is what a key may do.
type Role string

// The roles. Admin includes the other two.
const (
	Write Role = "write" // send events, as its source
	Read  Role = "read"  // ask SQL and look at what the lake holds
	Admin Role = "admin"
)

// Allows reports whether a key of this role may do what needs the other.
func (r Role) Allows(need Role) bool { return r == need || r == Admin }

// Validate reports ErrInvalid with a hint when there is no such role.
func (r Role) Validate() error {
	switch r {
	case Write, Read, Admin:
		return nil
	}
	return lake.Errorf(lake.ErrInvalid, "use write, read or admin", "role %q", string(r))
}

// Key is one access key without its secret.
type Key struct {
	ID      string        // the part of the secret that may be shown and logged
	Source  lake.SourceID // whose events it sends
	Role    Role
	Note    string       // for people: who has it, what for
	Created lake.Instant // when it was made
	Revoked lake.Instant // when it stopped working; 0 while it works
	hash    [sha256.Size]byte
}

// Active reports whether the key still opens anything.
func (k Key) Active() bool { return k.Revoked == 0 }
