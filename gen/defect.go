package gen

import (
	"bytes"

	"github.com/eventlake/lake"
)

// defect spoils a sound event; the result must be refused for the reason.
type defect struct {
	reason lake.Reason
	spoil  func(dst []byte, start int, r *random) []byte
}

var defects = [...]defect{
	{lake.ReasonMalformed, truncate},
	{lake.ReasonDuplicate, repeatKey},
	{lake.ReasonBadTime, garbleTime},
	{lake.ReasonNoName, dropName},
	{lake.ReasonMalformed, breakUTF8},
	{lake.ReasonOutOfRange, farTime},
}

func (g *Generator) appendDefect(dst []byte, line uint64) []byte {
	r := g.random(line, 'd')
	i := r.below(uint64(len(defects)))
	g.refused[i]++
	e := g.event(line, false)
	start := len(dst)
	return defects[i].spoil(e.append(dst), start, &r)
}

// truncate is a client that died, or a buffer that was too short.
func truncate(dst []byte, start int, r *random) []byte {
	n := uint64(len(dst) - start)
	return dst[:start+int(n/4+r.below(n/2))]
}

func repeatKey(dst []byte, _ int, _ *random) []byte {
	return append(dst[:len(dst)-1], `,"created_at":0}`...)
}

func breakUTF8(dst []byte, _ int, r *random) []byte {
	wrong := [...]string{"\xff", "caf\xe9", "\xed\xa0\x80", "\xc0\xaf"}
	dst = append(dst[:len(dst)-1], `,"note":"`...)
	dst = append(dst, wrong[r.below(uint64(len(wrong)))]...)
	return append(dst, `"}`...)
}

func garbleTime(dst []byte, start int, r *random) []byte {
	times := [...]string{`"yesterday"`, `"2026-02-30T00:00:00Z"`, `"01.03.2026 10:00"`, `true`, `1e300`, `[]`}
	return setTime(dst, start, times[r.below(uint64(len(times)))])
}

// farTime is a clock that was never set, or one that is far ahead.
func farTime(dst []byte, start int, r *random) []byte {
	times := [...]string{`0`, `"1970-01-01T00:00:01Z"`, `"1999-12-31T23:59:59Z"`, `4102444800000`, `"2262-04-11T23:47:16Z"`}
	return setTime(dst, start, times[r.below(uint64(len(times)))])
}

// setTime puts another time into the event at dst's end.
func setTime(dst []byte, start int, text string) []byte {
	from := start + bytes.Index(dst[start:], []byte(timeKey)) + len(timeKey)
	to := from + bytes.IndexByte(dst[from:], ',')
	return replace(dst, from, to, text)
}

func dropName(dst []byte, start int, _ *random) []byte {
	from := start + bytes.Index(dst[start:], []byte(nameKey))
	to := from + bytes.IndexByte(dst[from:], ',') + 1
	return replace(dst, from, to, "")
}

// replace puts text in the place of dst[from:to].
func replace(dst []byte, from, to int, text string) []byte {
	end := len(dst)
	dst = append(dst, text...)
	dst = append(dst, dst[to:end]...)
	return append(dst[:from], dst[end:]...)
}
