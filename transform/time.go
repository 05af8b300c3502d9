package transform

import "github.com/eventlake/lake"

const (
	microsPerSecond = 1_000_000
	secondsPerDay   = 86_400
)

// ParseTime reads a date and time by RFC 3339, cut to microseconds:
//
//	2021-07-21T09:00:04Z
//	2021-07-21t09:00:04.123456789z
//	2021-07-21 11:00:04+02:00
//
// Besides that it takes what public data often has: times without seconds
// (2021-07-21 09:00) and dates alone, which are their midnight; offsets without
// a colon or minutes (+0200, +02); and a missing offset, which is UTC. A leap
// second, 23:59:60 UTC, is the second after it. ok is false when the text is
// anything else. It allocates nothing.
func ParseTime(b []byte) (t lake.Instant, ok bool) {
	if len(b) < len("2006-01-02") || b[4] != '-' || b[7] != '-' {
		return 0, false
	}
	century, year := two(b, 0), two(b, 2)
	month, day := two(b, 5), two(b, 8)
	if century|year|month|day < 0 { // one of them is no number
		return 0, false
	}
	year += 100 * century
	if month < 1 || month > 12 || day < 1 || day > daysIn(year, month) {
		return 0, false
	}
	micros := days(year, month, day) * secondsPerDay * microsPerSecond
	if len(b) == len("2006-01-02") {
		return lake.Instant(micros), true
	}
	ofDay, ok := clock(b[len("2006-01-02"):])
	return lake.Instant(micros + ofDay), ok
}

// clock reads what stands behind a date, T or a blank first, in microseconds
// from the date's midnight in UTC.
func clock(b []byte) (micros int64, ok bool) {
	if len(b) < len("T15:04") || b[3] != ':' || b[0]|0x20 != 't' && b[0] != ' ' {
		return 0, false
	}
	hour, minute, second := two(b, 1), two(b, 4), 0
	rest := b[len("T15:04"):]
	if len(rest) >= len(":05") && rest[0] == ':' {
		second = two(rest, 1)
		if micros, rest, ok = fraction(rest[len(":05"):]); !ok {
			return 0, false
		}
	}
	if hour|minute|second < 0 || hour > 23 || minute > 59 || second > 60 {
		return 0, false
	}
	ahead, ok := zone(rest)
	if !ok {
		return 0, false
	}
	seconds := int64(hour*3600+minute*60+second) - ahead
	if second == 60 && seconds%secondsPerDay != 0 {
		return 0, false
	}
	return seconds*microsPerSecond + micros, true
}

// two reads two digits, -1 when there are none.
func two(b []byte, i int) int {
	hi, lo := b[i]-'0', b[i+1]-'0'
	if hi > 9 || lo > 9 {
		return -1
	}
	return int(hi)*10 + int(lo)
}

// fraction reads a point and digits behind it, if there are any.
func fraction(b []byte) (micros int64, rest []byte, ok bool) {
	if len(b) == 0 || b[0] != '.' {
		return 0, b, true
	}
	unit := int64(microsPerSecond)
	i := 1
	for ; i < len(b) && b[i]-'0' <= 9; i++ {
		unit /= 10
		micros += int64(b[i]-'0') * unit
	}
	return micros, b[i:], i > 1
}

// zone reads the offset from UTC in seconds.
func zone(b []byte) (seconds int64, ok bool) {
	if len(b) == 0 || len(b) == 1 && b[0]|0x20 == 'z' {
		return 0, true
	}
	if b[0] != '+' && b[0] != '-' || len(b) < 3 {
		return 0, false
	}
	hours, minutes := two(b, 1), 0
	switch {
	case len(b) == len("+02"):
	case len(b) == len("+0200"):
		minutes = two(b, 3)
	case len(b) == len("+02:00") && b[3] == ':':
		minutes = two(b, 4)
	default:
		return 0, false
	}
	if hours < 0 || hours > 23 || minutes < 0 || minutes > 59 {
		return 0, false
	}
	seconds = int64(hours*3600 + minutes*60)
	if b[0] == '-' {
		return -seconds, true
	}
	return seconds, true
}

func daysIn(year, month int) int {
	switch month {
	case 2:
		if year%4 == 0 && (year%100 != 0 || year%400 == 0) {
			return 29
		}
		return 28
	case 4, 6, 9, 11:
		return 30
	}
	return 31
}

// days counts the days from 1970-01-01 to a date. Years are taken to begin in
// March, so that the leap day is a year's last and the months before a month
// always have the same number of days.
func days(year, month, day int) int64 {
	if month -= 3; month < 0 {
		month, year = month+12, year-1
	}
	year += 400 // four-digit years stay positive; 400 years have 146,097 days
	const to1970 = 719_468 + 146_097
	return int64(365*year+year/4-year/100+year/400+(153*month+2)/5+day-1) - to1970
}
