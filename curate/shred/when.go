package shred

// Years of four digits but 0, which Python and others do not have.
const (
	firstSecond = -62135596800 // 0001-01-01T00:00:00Z
	lastSecond  = 253402300799 // 9999-12-31T23:59:59Z
)

// ParseTime reads an RFC 3339 time, T and Z in upper case, to microseconds
// since 1970 UTC. It refuses what microseconds cannot keep, times that are not
// in the years 1 to 9999 of UTC, and leap seconds, so that such strings stay
// strings.
func ParseTime(b []byte) (micros int64, ok bool) {
	if len(b) < len("2006-01-02T15:04:05Z") || b[4] != '-' || b[7] != '-' || b[10] != 'T' || b[13] != ':' || b[16] != ':' {
		return 0, false
	}
	year, month, day := digits(b[0:4]), digits(b[5:7]), digits(b[8:10])
	hour, minute, second := digits(b[11:13]), digits(b[14:16]), digits(b[17:19])
	if year < 1 || month < 1 || month > 12 || day < 1 || day > daysIn(year, month) ||
		hour < 0 || hour > 23 || minute < 0 || minute > 59 || second < 0 || second > 59 {
		return 0, false
	}
	rest := b[19:]
	if rest[0] == '.' {
		n, unit := 1, int64(100_000)
		for ; n < len(rest) && rest[n] >= '0' && rest[n] <= '9'; n++ {
			d := int64(rest[n] - '0')
			if unit == 0 && d != 0 {
				return 0, false
			}
			micros += d * unit
			unit /= 10
		}
		if n == 1 {
			return 0, false
		}
		rest = rest[n:]
	}
	offset, ok := zone(rest)
	if !ok {
		return 0, false
	}
	seconds := daysSince1970(year, month, day)*86400 + hour*3600 + minute*60 + second - offset
	return seconds*1_000_000 + micros, seconds >= firstSecond && seconds <= lastSecond
}

// zone reads Z or +hh:mm to seconds.
func zone(b []byte) (seconds int64, ok bool) {
	if len(b) == 1 && b[0] == 'Z' {
		return 0, true
	}
	if len(b) != 6 || (b[0] != '+' && b[0] != '-') || b[3] != ':' {
		return 0, false
	}
	h, m := digits(b[1:3]), digits(b[4:6])
	if h < 0 || h > 23 || m < 0 || m > 59 {
		return 0, false
	}
	seconds = h*3600 + m*60
	if b[0] == '-' {
		seconds = -seconds
	}
	return seconds, true
}

// digits reads decimal digits, negative when there is another byte.
func digits(b []byte) (n int64) {
	for _, c := range b {
		if c < '0' || c > '9' {
			return -1
		}
		n = n*10 + int64(c-'0')
	}
	return n
}

func daysIn(year, month int64) int64 {
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

// daysSince1970 counts in the proleptic Gregorian calendar; the year begins in
// March so that the leap day comes last.
func daysSince1970(year, month, day int64) int64 {
	if month <= 2 {
		year, month = year-1, month+12
	}
	return 365*year + year/4 - year/100 + year/400 + (153*(month-3)+2)/5 + day - 719469
}
