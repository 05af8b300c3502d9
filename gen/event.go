package gen

import (
	"strconv"
	"time"
)

// event is one sound event, ready to be written.
type event struct {
	g       *Generator
	line    uint64
	id      uint64 // the line whose id it has
	typ     int
	subtype int
	at      int64 // milliseconds since 1970
	late    bool
	drift   bool  // of the new schema
	cents   int64 // payments: the amount
	r       random
}

// How the envelope's members are written; defects look for them.
const (
	idKey   = `{"event_uuid":"`
	nameKey = `"event_name":"`
	timeKey = `"created_at":`
)

// event makes up the event of a line.
func (g *Generator) event(line uint64, late bool) event {
	e := event{g: g, line: line, id: line, late: late, r: g.random(line, 'e')}
	e.typ = e.r.skewed(len(types))
	e.subtype = e.r.skewed(len(types[e.typ].subtypes))
	e.at = g.at(line, &e.r)
	e.drift = g.o.Drift && line >= uint64(g.o.Events)/2
	if types[e.typ].properties == payment {
		e.cents = int64(99 + 50*e.r.rank(10))
	}
	if late {
		e.at -= int64(e.r.lateness())
	}
	return e
}

// append writes the event as one line.
func (e event) append(dst []byte) []byte {
	dst = append(dst, idKey...)
	dst = e.appendUUID(dst)
	dst = append(dst, `",`+nameKey...)
	dst = append(dst, types[e.typ].name...)
	dst = append(dst, ':')
	dst = append(dst, types[e.typ].subtypes[e.subtype]...)
	dst = append(dst, `",`+timeKey...)
	dst = e.appendTime(dst)
	dst = e.appendUser(dst)
	dst = e.appendDevice(dst)
	dst = e.appendProperties(dst)
	return append(dst, '}')
}

// appendUUID writes the id as the text of a UUID of version 4.
func (e *event) appendUUID(dst []byte) []byte {
	const hex = "0123456789abcdef"
	r := e.g.random(e.id, 'u')
	hi, lo := r.next(), r.next()
	hi = hi&^0xf000 | 0x4000
	lo = lo&^(3<<62) | 2<<62
	for i := range 32 {
		if i == 8 || i == 12 || i == 16 || i == 20 {
			dst = append(dst, '-')
		}
		if i == 16 {
			hi = lo
		}
		dst = append(dst, hex[hi>>60])
		hi <<= 4
	}
	return dst
}

// appendTime writes the time in one of three formats, which take turns.
func (e *event) appendTime(dst []byte) []byte {
	switch e.line % 3 {
	case 0:
		return strconv.AppendInt(dst, e.at/1000, 10)
	case 1:
		return strconv.AppendInt(dst, e.at, 10)
	}
	dst = append(dst, '"')
	dst = time.UnixMilli(e.at).UTC().AppendFormat(dst, "2006-01-02T15:04:05.000Z")
	return append(dst, '"')
}

func (e *event) appendUser(dst []byte) []byte {
	country := &countries[e.r.skewed(len(countries))]
	dst = append(dst, `,"user":{"id":`...)
	dst = strconv.AppendUint(dst, e.r.rank(18), 10)
	dst = append(dst, `,"country":"`...)
	dst = append(dst, country.code...)
	dst = append(dst, `","locale":"`...)
	dst = append(dst, country.locale...)
	dst = append(dst, `","timezone":"`...)
	dst = append(dst, country.timezone...)
	dst = append(dst, `","plan":"`...)
	dst = append(dst, plans[e.r.skewed(len(plans))]...)
	return append(dst, `"}`...)
}

func (e *event) appendDevice(dst []byte) []byte {
	d := &devices[e.r.skewed(len(devices))]
	dst = append(dst, `,"device":{"os":"`...)
	dst = append(dst, d.os...)
	dst = append(dst, `","model":"`...)
	dst = append(dst, d.model...)
	dst = append(dst, `","app_version":"5.`...)
	dst = strconv.AppendUint(dst, e.r.below(13), 10)
	dst = append(dst, '.')
	dst = strconv.AppendUint(dst, e.r.below(4), 10)
	dst = append(dst, '"')
	if e.drift {
		dst = append(dst, `,"build":`...)
		dst = strconv.AppendUint(dst, 88_000+e.r.below(900), 10)
	}
	dst = append(dst, `},"network":{"type":"`...)
	dst = append(dst, networks[e.r.skewed(len(networks))]...)
	dst = append(dst, `","rtt_ms":`...)
	dst = strconv.AppendUint(dst, e.r.rank(10), 10)
	dst = append(dst, `},"session_id":"s`...)
	dst = strconv.AppendUint(dst, e.r.next()>>4, 36)
	return append(dst, '"')
}
