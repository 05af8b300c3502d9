package shred

import (
	"encoding/json"
	"strconv"
	"strings"

	"github.com/eventlake/lake"
)

const (
	restName = "_rest"
	restDoc  = "members beyond the limits on columns, as JSON"
	fromDoc  = "from " // then the original key as a JSON string
	maxName  = 100
)

// cleanName is the key in lower case, every other character than a-z, 0-9 and
// '_' replaced by '_', with a '_' before a leading digit.
func cleanName(key string) string {
	var b strings.Builder
	for _, r := range key {
		if b.Len() >= maxName {
			break
		}
		if r >= 'A' && r <= 'Z' {
			r += 'a' - 'A'
		}
		if (r < 'a' || r > 'z') && (r < '0' || r > '9') {
			r = '_'
		}
		if b.Len() == 0 && r >= '0' && r <= '9' {
			b.WriteByte('_')
		}
		b.WriteRune(r)
	}
	if b.Len() == 0 {
		return "_"
	}
	return b.String()
}

// freeName returns the name, or name__2, name__3, ... when it is taken, and
// takes it.
func (o *object) freeName(name string) string {
	free := name
	for i := 2; o.names[free]; i++ {
		free = name + "__" + strconv.Itoa(i)
	}
	o.names[free] = true
	return free
}

// docOf says in a column's Doc which key it comes from; keyOf reads it.
func docOf(key string) string {
	quoted, err := json.Marshal(key)
	if err != nil { // a string always marshals
		return fromDoc + strconv.Quote(key)
	}
	return fromDoc + string(quoted)
}

func keyOf(c *lake.Column) string {
	var key string
	if s, ok := strings.CutPrefix(c.Doc, fromDoc); ok && json.Unmarshal([]byte(s), &key) == nil {
		return key
	}
	return c.Name // a column that someone else made
}
