package cloudwatch

import (
	"math"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/eventlake/lake"
)

// What the embedded metric format and CloudWatch take.
const (
	maxMetrics    = 100  // in a line
	maxDimensions = 30   // of a metric
	maxName       = 255  // bytes of a namespace, a metric's or a dimension's name
	maxValue      = 1024 // bytes of a dimension's value
	// Ours: with these a line stays far below the 256 KB of a log event.
	maxProperties = 50
	maxText       = 1000 // bytes
)

func checkNamespace(s string) error {
	const hint = "use 1 to 255 letters, digits and .-_/#: that do not begin with ':' or AWS/"
	ok := s != "" && len(s) <= maxName && s[0] != ':' && !strings.HasPrefix(s, "AWS/")
	for _, c := range []byte(s) {
		ok = ok && (c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte(".-_/#:", c) >= 0)
	}
	if !ok {
		return lake.Errorf(lake.ErrInvalid, hint, "metric namespace %q", s)
	}
	return nil
}

func checkDimensions(ds []Dimension) error {
	if len(ds) > maxDimensions {
		return lake.Errorf(lake.ErrInvalid, "use at most 30", "%d dimensions", len(ds))
	}
	seen := map[string]bool{"_aws": true}
	for _, d := range ds {
		if checkName(d.Name) != nil || !ascii(d.Name) || seen[d.Name] {
			return lake.Errorf(lake.ErrInvalid, "use each name once, of 1 to 255 ASCII characters that do not begin with ':'", "dimension %q", d.Name)
		}
		if strings.TrimSpace(d.Value) == "" || len(d.Value) > maxValue || !ascii(d.Value) {
			return lake.Errorf(lake.ErrInvalid, "use 1 to 1024 ASCII characters", "value %q of dimension %s", d.Value, d.Name)
		}
		seen[d.Name] = true
	}
	return nil
}

func checkName(s string) error {
	if strings.TrimSpace(s) == "" || len(s) > maxName || s[0] == ':' || !utf8.ValidString(s) || strings.ContainsFunc(s, unicode.IsControl) {
		return lake.Errorf(lake.ErrInvalid, "", "a name has 1 to 255 printable characters and does not begin with ':'")
	}
	return nil
}

func checkUnit(u Unit) error {
	switch u {
	case Count, Bytes, Milliseconds, Seconds, Percent, None:
		return nil
	}
	return lake.Errorf(lake.ErrInvalid, "", "unit %q", string(u))
}

// checkValue refuses what CloudWatch does: no number, or beyond 2^360.
func checkValue(v float64) error {
	const exponent = 360
	if math.IsNaN(v) || math.Abs(v) > math.Ldexp(1, exponent) {
		return lake.Errorf(lake.ErrInvalid, "", "value %g", v)
	}
	return nil
}

func ascii(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r > '~' })
}

// cut makes a property's text fit, on a whole character.
func cut(s string) string {
	s = strings.ToValidUTF8(s, "?")
	if len(s) <= maxText {
		return s
	}
	end := maxText
	for !utf8.RuneStart(s[end]) {
		end--
	}
	return s[:end]
}
