package transform

import (
	"bytes"
	"slices"
)

// Prefix stands before the name of a member that the lake adds to an event
// that has one of that name already.
const Prefix = "lake_"

var addedKeys = [...]string{
	"event_id", "event_type", "event_subtype", "created_datetime", "source", "shard", "position", "received_at", "weak_id",
}

// Keys returns the names of the members that the lake adds to an event, in the
// order in which Row.Taken counts them.
func Keys() []string { return slices.Clone(addedKeys[:]) }

// prefixed returns the bit of the added member that a top-level key, as it
// stands in the body, means behind any number of Prefix; 0 when it means none.
func prefixed(text []byte) uint16 {
	name := unescaped(text, nil)
	if !bytes.HasPrefix(name, []byte(Prefix)) {
		return 0 // without a prefix the table of top-level keys knows it
	}
	for bytes.HasPrefix(name, []byte(Prefix)) {
		name = name[len(Prefix):]
	}
	for i, k := range addedKeys {
		if string(name) == k {
			return 1 << i
		}
	}
	return 0
}
