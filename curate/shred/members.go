package shred

import (
	"github.com/eventlake/lake"
)

// members reads the members of an object behind its opening brace into
// instance number count of o. The row's object ends at the end of the bytes,
// others at their closing brace. depth is the object's own nesting.
func (s *Shredder) members(in *scanner, o *object, count, depth int) error {
	o.hint = 0
	for {
		c := in.peek()
		switch {
		case c == '}':
			in.i++
			return s.endObject(o, count)
		case c == 0 && depth == 0:
			return s.endObject(o, count)
		case c == ',':
			in.i++
			continue
		case c != '"':
			return corrupt("byte %d: a key is expected", in.i)
		}
		key, escaped, err := in.text()
		if err != nil {
			return err
		}
		if in.peek() != ':' {
			return corrupt("byte %d: a colon is expected", in.i)
		}
		in.i++
		if err := s.member(in, o, key, escaped, count, depth); err != nil {
			return err
		}
	}
}

// endObject writes what goes to the object's rest column.
func (s *Shredder) endObject(o *object, count int) error {
	if len(o.extra) == 0 {
		return nil
	}
	if o.rest == nil {
		o.rest = &node{name: o.freeName(restName), doc: restDoc, kind: lake.TypeString, json: true}
		o.order = append(o.order, o.rest)
		s.leaves++
	}
	o.rest.truncate(count - 1)
	o.rest.begin(count)
	o.extra = append(o.extra, '}')
	o.rest.vals.AddString(o.extra)
	o.extra = o.extra[:0]
	return nil
}

// member reads one value into the columns of its key.
func (s *Shredder) member(in *scanner, o *object, key []byte, escaped bool, count, depth int) error {
	f := s.lookup(o, key, escaped)
	if f != nil {
		if f.seen == count { // the key again: the last one counts
			for _, c := range f.cols {
				c.truncate(count - 1)
			}
		}
		f.seen = count
	}
	start := in.peek()
	switch start {
	case 'n':
		return in.null()
	case '"':
		at := in.i
		text, esc, err := in.text()
		if err != nil {
			return err
		}
		if f = s.known(o, f, key, escaped, count); f != nil && s.putText(o, f, in.b[at:in.i], text, esc, count) {
			return nil
		}
		return s.toRest(o, key, in.b[at:in.i])
	case '{', '[':
		if f = s.known(o, f, key, escaped, count); f == nil {
			raw, err := in.skip()
			if err != nil {
				return err
			}
			return s.toRest(o, key, raw)
		}
		if start == '{' {
			return s.putObject(in, o, f, key, count, depth+1)
		}
		return s.putList(in, o, f, key, count, depth+1)
	}
	tok := in.token()
	if f = s.known(o, f, key, escaped, count); f == nil {
		return s.toRest(o, key, tok)
	}
	ok, err := s.putToken(o, f, tok, count)
	if err == nil && !ok {
		return s.toRest(o, key, tok)
	}
	return err
}

// lookup finds the field of a key; nil when the key is new.
func (s *Shredder) lookup(o *object, key []byte, escaped bool) *field {
	if escaped {
		s.long = appendText(s.long[:0], key)
		key = s.long
	}
	if h := o.hint; h < len(o.fields) && o.fields[h].key == string(key) {
		o.hint++
		return o.fields[h]
	}
	return o.byKey[string(key)]
}

// known returns the field, made for a new key; nil when there is no room.
func (s *Shredder) known(o *object, f *field, key []byte, escaped bool, count int) *field {
	if f != nil || !s.room(o) {
		return f
	}
	name := string(key)
	if escaped {
		name = string(appendText(nil, key))
	}
	return o.addField(name, count)
}

func (o *object) addField(key string, count int) *field {
	f := &field{key: key, seen: count}
	o.fields = append(o.fields, f)
	o.byKey[key] = f
	return f
}

// room reports whether o may get one more column.
func (s *Shredder) room(o *object) bool {
	return s.leaves < s.limits.Columns && (o == s.root || len(o.order) < s.limits.Width)
}

// toRest keeps a member that there is no column for.
func (s *Shredder) toRest(o *object, key, value []byte) error {
	if len(value) == 0 {
		return corrupt("key %.50q has no value", key)
	}
	if len(o.extra) == 0 {
		o.extra = append(o.extra, '{')
	} else {
		o.extra = append(o.extra, ',')
	}
	o.extra = append(o.extra, '"')
	o.extra = append(o.extra, key...)
	o.extra = append(o.extra, '"', ':')
	o.extra = append(o.extra, value...)
	return nil
}
