package transform

import (
	"strings"
	"unicode/utf8"

	"github.com/eventlake/lake"
)

// Path leads from the top of an event to one of its fields: the keys of the
// objects on the way. It never leads through an array. An empty path means
// that the field is not mapped.
type Path []string

// Limits of a path.
const (
	maxPathKeys  = 8   // keys
	maxPathBytes = 256 // of one key
)

// ParsePath reads a path as configuration writes it: keys with dots between
// them, e.g. "payload.action". A backslash takes the next character as it is,
// so `a\.b` is the one key "a.b". ErrInvalid with a hint when it cannot be a
// path: empty, an empty key, more than 8 keys, a key over 256 bytes.
func ParsePath(s string) (Path, error) {
	var p Path
	var key strings.Builder
	for i := 0; i < len(s); i++ {
		switch c := s[i]; c {
		case '.':
			p = append(p, key.String())
			key.Reset()
		case '\\':
			if i++; i == len(s) {
				return nil, lake.Errorf(lake.ErrInvalid, `write a backslash as \\`, "path %q ends in a backslash", s)
			}
			key.WriteByte(s[i])
		default:
			key.WriteByte(c)
		}
	}
	p = append(p, key.String())
	if err := p.validate(); err != nil {
		return nil, err
	}
	return p, nil
}

// String writes the path so that ParsePath reads it.
func (p Path) String() string {
	escape := strings.NewReplacer(`\`, `\\`, `.`, `\.`)
	keys := make([]string, len(p))
	for i, k := range p {
		keys[i] = escape.Replace(k)
	}
	return strings.Join(keys, ".")
}

func (p Path) validate() error {
	const hint = `write the keys with dots between them, e.g. payload.action; a dot inside a key is \.`
	if len(p) == 0 || len(p) > maxPathKeys {
		return lake.Errorf(lake.ErrInvalid, hint, "path %q has %d keys, not 1 to %d", p.String(), len(p), maxPathKeys)
	}
	for i, k := range p {
		switch {
		case k == "":
			return lake.Errorf(lake.ErrInvalid, hint, "path %q: key %d is empty", p.String(), i+1)
		case len(k) > maxPathBytes:
			return lake.Errorf(lake.ErrInvalid, hint, "path %.40q...: key %d is longer than %d bytes", p.String(), i+1, maxPathBytes)
		case !utf8.ValidString(k):
			return lake.Errorf(lake.ErrInvalid, hint, "path %q: key %d is not UTF-8", p.String(), i+1)
		}
	}
	return nil
}
