package kinesis

import "bytes"

// plain appends the events of a record that is neither compressed nor an
// aggregate. An aggregate inside of an aggregate is no text either.
func (u *Unpacker) plain(data []byte) bool {
	text := trim(data)
	if bytes.IndexByte(text, '\n') < 0 || bytes.HasPrefix(data, []byte(magic)) || isOneObject(text) || !hasObjectLine(text) {
		return u.addForeign(data)
	}
	return u.lines(text)
}

// lines appends an event for every line that is not blank.
func (u *Unpacker) lines(text []byte) bool {
	for len(text) > 0 {
		var line []byte
		if line, text = cutLine(text); len(line) > 0 && !u.addForeign(line) {
			return false
		}
	}
	return true
}

// cutLine takes the first line, without the white space around it.
func cutLine(text []byte) (line, rest []byte) {
	if i := bytes.IndexByte(text, '\n'); i >= 0 {
		return trim(text[:i]), text[i+1:]
	}
	return trim(text), nil
}

// trim takes JSON's white space from both ends.
func trim(b []byte) []byte {
	for len(b) > 0 && isSpace(b[0]) {
		b = b[1:]
	}
	for len(b) > 0 && isSpace(b[len(b)-1]) {
		b = b[:len(b)-1]
	}
	return b
}

func isSpace(c byte) bool { return c == ' ' || c == '\n' || c == '\t' || c == '\r' }

// isOneObject reports whether the text is one object or array whose brackets
// close at its end: a value written over several lines.
func isOneObject(text []byte) bool {
	return (text[0] == '{' || text[0] == '[') && closing(text) == len(text)
}

// hasObjectLine reports whether some line begins with '{' in its first column
// and is a closed object. That tells lines of events, some of them perhaps
// broken, from text, and from one long value that was cut off.
func hasObjectLine(text []byte) bool {
	for len(text) > 0 {
		column := text[0]
		var line []byte
		if line, text = cutLine(text); column == '{' && closing(line) == len(line) {
			return true
		}
	}
	return false
}

// closing returns the index behind the bracket that closes the first one, -1
// when there is none. It counts brackets outside of strings and does not check
// their kinds.
func closing(b []byte) int {
	depth := 0
	for i := 0; i < len(b); i++ {
		switch b[i] {
		case '{', '[':
			depth++
		case '}', ']':
			if depth--; depth == 0 {
				return i + 1
			}
		case '"':
			if i = stringEnd(b, i+1); i < 0 {
				return -1
			}
		}
	}
	return -1
}

// stringEnd returns the index of the quote that ends a string, -1 when there is
// none.
func stringEnd(b []byte, i int) int {
	for i < len(b) {
		switch b[i] {
		case '"':
			return i
		case '\\':
			i++
		}
		i++
	}
	return -1
}
