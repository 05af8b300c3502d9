package collect

import (
	"bytes"
	"encoding/json"

	"github.com/eventlake/lake"
)

// form is how a body holds its events.
type form uint8

const (
	formAny   form = iota // an array, one value, or lines, as the body shows
	formLines             // one event a line
)

// split finds the events in a body and appends them, as parts of the body
// without the white space around them, to events. It decides where an event
// begins and ends and nothing about what is in it: a broken one is still one.
// Its errors are *api.Error: then the body as a whole has no readable structure.
func split(body []byte, f form, limit int, events []lake.Event) ([]lake.Event, error) {
	body = bytes.TrimPrefix(body, []byte("\xef\xbb\xbf")) // some Windows tools begin every text with it
	first := skipSpace(body, 0)
	if first == len(body) {
		return events, errEmpty("the body is empty")
	}
	if f == formLines {
		return splitLines(body, limit, events)
	}
	if body[first] == '[' {
		return splitArray(body, first+1, limit, events)
	}
	if isOneValue(body, first) {
		return append(events, lake.Event{Body: trim(body)}), nil
	}
	if !hasObjectLine(body) {
		return events, errNotJSON()
	}
	return splitLines(body, limit, events)
}

// splitLines takes each line that is not blank as an event.
func splitLines(body []byte, limit int, events []lake.Event) ([]lake.Event, error) {
	n := len(events)
	for len(body) > 0 {
		line := body
		if i := bytes.IndexByte(body, '\n'); i >= 0 {
			line, body = body[:i], body[i+1:]
		} else {
			body = nil
		}
		if line = trim(line); len(line) == 0 {
			continue
		}
		if len(events)-n == limit {
			return events, errTooMany(limit)
		}
		events = append(events, lake.Event{Body: line})
	}
	return events, nil
}

// splitArray takes each element of the array as an event; i is behind the
// opening bracket.
func splitArray(body []byte, i, limit int, events []lake.Event) ([]lake.Event, error) {
	for n := 0; ; n++ {
		from := skipSpace(body, i)
		end := elementEnd(body, from)
		if end < 0 {
			return events, errTruncated(n)
		}
		element, last := trim(body[from:end]), body[end] == ']'
		if len(element) == 0 {
			if last && n == 0 {
				return events, errEmpty("the array is empty")
			}
			return events, errHole(n)
		}
		if n == limit {
			return events, errTooMany(limit)
		}
		events = append(events, lake.Event{Body: element})
		if i = end + 1; last {
			break
		}
	}
	if rest := skipSpace(body, i); rest < len(body) {
		return events, errTrailing(rest)
	}
	return events, nil
}

// elementEnd returns the index of the ',' or ']' that ends the element at i,
// -1 when there is none.
func elementEnd(b []byte, i int) int {
	for i < len(b) {
		switch b[i] {
		case ',', ']':
			return i
		case '{', '[':
			i = valueEnd(b, i)
		case '"':
			i = stringEnd(b, i+1)
		default:
			i++
		}
		if i < 0 {
			return -1
		}
	}
	return -1
}

// isOneValue reports whether the body holds one value from i on and nothing
// else: for an object only that its brackets close at the end.
func isOneValue(body []byte, i int) bool {
	if body[i] == '{' {
		end := valueEnd(body, i)
		return end > 0 && skipSpace(body, end) == len(body)
	}
	return json.Valid(body[i:])
}

// hasObjectLine reports whether some line begins with '{' in its first column
// and is a closed object. That tells lines of events, some of them perhaps
// broken, from one long value that was cut off.
func hasObjectLine(body []byte) bool {
	for len(body) > 0 {
		line := body
		if i := bytes.IndexByte(body, '\n'); i >= 0 {
			line, body = body[:i], body[i+1:]
		} else {
			body = nil
		}
		if len(line) > 0 && line[0] == '{' {
			if end := valueEnd(line, 0); end > 0 && skipSpace(line, end) == len(line) {
				return true
			}
		}
	}
	return false
}
