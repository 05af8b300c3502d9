// Package transform says what the lake needs to know about one event: its id,
// its name, its time and whether it can be taken at all. It is pure: the same
// source, bytes, log time and mapping give the same answer for ever, on every
// machine, so a stage may ask again after a crash, and two stages that ask
// separately agree.
//
// # What is accepted
//
// One JSON object by RFC 8259 in valid UTF-8, at most lake.MaxEvent bytes, with
// white space around it but nothing else. No key may occur twice at the top
// level, nor on the way to a mapped field: which of the two counts would be
// anybody's guess. Other nested duplicate keys pass. Keys are compared after
// unescaping and case-sensitively. Lone surrogates, written as \u escapes, and
// numbers that the grammar does not allow (01, 1., +1, NaN) are malformed.
//
// # Identity
//
// The id at the mapped path is a string of 1 to 256 bytes or an integer; 17 and
// "17" are the same id. lake.ID is xxh3-128 of source, 0x00 and that text. When
// the id is absent, null or "", the event gets a weak id: xxh3-128 of source,
// 0x01 and the canonical form of the body (members sorted by key at every level, no
// white space, strings as UTF-8 with only '"', '\' and control characters
// escaped, numbers as their exact decimal value: 100, 1e2 and 100.0 are 1e2).
// Two different events with the same body are then one event; that is the price
// of sending no id.
//
// The fingerprint tells copies of one event from different events under one
// id. It does not depend on white space, on the order of members, on how a
// string is escaped or on how a number is written, so a proxy that writes a
// retry anew makes no conflict. It is no defence against forgery.
//
// # Name
//
// The name is one string "type:subtype", split at the first colon, or two
// strings at two paths; each is 1 to 256 bytes. A missing or empty subtype
// becomes the default one. For partitions the names are made path-safe, see
// PathSafe; the true ones stay in the row.
//
// # Time
//
// The time is a date and time by RFC 3339, of which some may be missing (see
// ParseTime), or a number since 1970, also as a string. The size of the number's
// whole part tells its unit: up to 11 digits are seconds, up to 14 milliseconds,
// up to 17 microseconds, up to 19 nanoseconds. Fractions (1626858000.123) are
// exact to the microsecond; what is finer is cut off.
package transform
