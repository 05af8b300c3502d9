package firehose

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/eventlake/lake"
)

// prefix is a parsed S3 prefix: text and expressions in turn.
type prefix []expression

// expression is !{space:value}; text alone has no space.
type expression struct{ space, value string }

// The values that the expressions of one prefix see.
type values struct {
	keys      map[string]string
	time      time.Time
	errorType string
	random    *rand.Rand
}

// parsePrefix reads a prefix and checks its expressions. A prefix without any
// gets the default one behind it, the hour.
func parsePrefix(s string, isError bool) (prefix, error) {
	var p prefix
	rest := s
	for {
		text, after, found := strings.Cut(rest, "!{")
		if text != "" {
			p = append(p, expression{"", text})
		}
		if !found {
			break
		}
		inner, tail, closed := strings.Cut(after, "}")
		space, value, named := strings.Cut(inner, ":")
		if !closed || !named {
			return nil, lake.Errorf(lake.ErrInvalid, "write !{namespace:value}", "prefix %q", s)
		}
		e := expression{space, value}
		if err := e.check(isError); err != nil {
			return nil, fmt.Errorf("prefix %q: %w", s, err)
		}
		p = append(p, e)
		rest = tail
	}
	if !strings.Contains(s, "!{") {
		p = append(p, expression{"timestamp", "yyyy/MM/dd/HH"}, expression{"", "/"})
	}
	return p, nil
}

func (e expression) check(isError bool) error {
	switch {
	case e.space == "timestamp":
		_, err := layout(e.value)
		return err
	case e.space == "partitionKeyFromQuery" && !isError && e.value != "":
		return nil
	case e.space == "firehose" && e.value == "random-string":
		return nil
	case e.space == "firehose" && e.value == "error-output-type" && isError:
		return nil
	}
	return lake.Errorf(lake.ErrInvalid, "see Custom Prefixes for S3 Objects in AWS's guide", "expression %s:%s", e.space, e.value)
}

// eval makes the prefix of one object.
func (p prefix) eval(v values) (string, error) {
	var b strings.Builder
	for _, e := range p {
		switch e.space {
		case "":
			b.WriteString(e.value)
		case "timestamp":
			l, err := layout(e.value)
			if err != nil {
				return "", err
			}
			b.WriteString(v.time.UTC().Format(l))
		case "partitionKeyFromQuery":
			key, ok := v.keys[e.value]
			if !ok {
				return "", fmt.Errorf("partition key %s is not in the query: %w", e.value, lake.ErrInvalid)
			}
			b.WriteString(key)
		case "firehose":
			if e.value == "error-output-type" {
				b.WriteString(v.errorType)
				continue
			}
			const letters = "0123456789abcdefghijklmnopqrstuvwxyz"
			for range 11 {
				b.WriteByte(letters[v.random.IntN(len(letters))])
			}
		}
	}
	return b.String(), nil
}

// layout turns a pattern of Java's DateTimeFormatter into one of package time.
func layout(pattern string) (string, error) {
	known := map[string]string{
		"yyyy": "2006", "yy": "06", "MM": "01", "M": "1", "dd": "02", "d": "2", "HH": "15", "mm": "04", "ss": "05",
	}
	var b strings.Builder
	for i := 0; i < len(pattern); {
		c := pattern[i]
		switch {
		case c == '\'': // quoted text
			end := strings.IndexByte(pattern[i+1:], '\'')
			if end < 0 {
				return "", lake.Errorf(lake.ErrInvalid, "close the quote", "timestamp %q", pattern)
			}
			b.WriteString(pattern[i+1 : i+1+end])
			i += end + 2
		case c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z':
			n := 1
			for i+n < len(pattern) && pattern[i+n] == c {
				n++
			}
			l, ok := known[pattern[i:i+n]]
			if !ok {
				return "", lake.Errorf(lake.ErrInvalid, "the emulator knows yyyy, MM, dd, HH, mm and ss", "timestamp %q", pattern)
			}
			b.WriteString(l)
			i += n
		default:
			b.WriteByte(c)
			i++
		}
	}
	return b.String(), nil
}
