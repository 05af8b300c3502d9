package keys

import (
	"crypto/sha256"
	"crypto/subtle"

	"github.com/eventlake/lake"
)

// Set is the keys of a file as it was at one moment.
type Set struct {
	keys []Key
	byID map[string]int
}

// Parse reads the content of a keys file, whose name errors tell. ErrCorrupt when
// it cannot be understood.
func Parse(name string, data []byte) (*Set, error) {
	keys, err := decode(name, data)
	if err != nil {
		return nil, err
	}
	return newSet(keys), nil
}

func newSet(keys []Key) *Set {
	s := &Set{keys: keys, byID: make(map[string]int, len(keys))}
	for i, k := range keys {
		s.byID[k.ID] = i
	}
	return s
}

// Authenticate returns the key that the secret belongs to. ErrInvalid when
// there is none, or it was revoked. The time it takes does not depend on how
// much of a wrong secret is right.
func (s *Set) Authenticate(secret string) (Key, error) {
	var k Key
	i, known := s.byID[idOf(secret)]
	if known {
		k = s.keys[i]
	}
	got := sha256.Sum256([]byte(secret)) // also for unknown ids, so that they take as long
	if same := subtle.ConstantTimeCompare(got[:], k.hash[:]) == 1; !same || !known {
		return Key{}, lake.Errorf(lake.ErrInvalid, "`lake keys create` makes a key; `lake keys list` shows what there is", "unknown key")
	}
	if !k.Active() {
		return Key{}, lake.Errorf(lake.ErrInvalid, "ask for a new one: `lake keys create`", "key %s was revoked", k.ID)
	}
	return k, nil
}
