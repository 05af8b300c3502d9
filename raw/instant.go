package raw

import (
	"time"

	"github.com/eventlake/lake"
)

const timeLayout = "2006-01-02T15:04:05.000000Z"

const daySeconds = 24 * 60 * 60

// Years of four digits, from the first instant of year 0 to before year 10000.
const (
	firstInstant = lake.Instant(-62167219200_000000)
	lastInstant  = lake.Instant(253402300800_000000)
)

// appendInstant writes RFC 3339 in UTC with microseconds. Two times an event
// make the general formatter too slow.
func appendInstant(dst []byte, i lake.Instant) []byte {
	if i < firstInstant || i >= lastInstant {
		return i.Time().AppendFormat(dst, timeLayout)
	}
	us := int64(i - firstInstant)
	seconds := us / 1e6
	day := seconds / daySeconds
	y, mo, d := civil(int(day))
	s := int(seconds - day*daySeconds)
	micro := int(us - seconds*1e6)
	dst = appendPair(dst, y/100)
	dst = appendPair(dst, y%100)
	dst = appendPair(append(dst, '-'), mo)
	dst = appendPair(append(dst, '-'), d)
	dst = appendPair(append(dst, 'T'), s/3600)
	dst = appendPair(append(dst, ':'), s/60%60)
	dst = appendPair(append(dst, ':'), s%60)
	dst = appendPair(append(dst, '.'), micro/10000)
	dst = appendPair(dst, micro/100%100)
	dst = appendPair(dst, micro%100)
	return append(dst, 'Z')
}

// appendPair writes two digits.
func appendPair(dst []byte, n int) []byte {
	return append(dst, '0'+byte(n/10), '0'+byte(n%10))
}

// civil is the date of the day that is so many days after 0000-01-01, counted
// in years that begin in March, so that the leap day is a year's last.
func civil(days int) (y, mo, d int) {
	const (
		fourCenturies = 146097 // days
		toMarch       = 60     // days from 0000-01-01 to 0000-03-01
	)
	days += fourCenturies - toMarch
	n := days % fourCenturies
	year := (n - n/1460 + n/36524 - n/146096) / 365
	n -= 365*year + year/4 - year/100
	month := (5*n + 2) / 153 // 0 is March
	d = n - (153*month+2)/5 + 1
	y = days/fourCenturies*400 + year - 400
	if month < 10 {
		return y, month + int(time.March), d
	}
	return y + 1, month - 9, d
}
