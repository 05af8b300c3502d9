package gen

import "strconv"

// properties says which members a type has besides the envelope.
type properties uint8

const (
	session properties = iota
	lesson
	message
	quiz
	payment
	account
)

func (e *event) appendProperties(dst []byte) []byte {
	switch types[e.typ].properties {
	case session:
		dst = e.appendSession(dst)
	case lesson:
		dst = e.appendLesson(dst)
	case message:
		dst = e.appendMessage(dst)
	case quiz:
		dst = e.appendQuiz(dst)
	case payment:
		dst = e.appendPayment(dst)
	case account:
		dst = e.appendAccount(dst)
	}
	if e.drift && e.r.below(3) == 0 {
		dst = append(dst, `,"campaign":{"name":"spring-`...)
		dst = append(dst, topics[e.r.skewed(len(topics))]...)
		dst = append(dst, `","variant":`...)
		dst = strconv.AppendUint(dst, e.r.below(4), 10)
		dst = append(dst, '}')
	}
	return dst
}

func (e *event) appendSession(dst []byte) []byte {
	dst = append(dst, `,"battery":`...)
	if level := e.r.below(101); e.drift { // percent becomes a fraction
		dst = strconv.AppendFloat(dst, float64(level)/100, 'f', 2, 64)
	} else {
		dst = strconv.AppendUint(dst, level, 10)
	}
	dst = append(dst, `,"foreground":`...)
	dst = strconv.AppendBool(dst, e.r.below(4) > 0)
	dst = append(dst, `,"screens":[`...)
	for i := range 1 + e.r.below(5) {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(dst, `{"name":"`...)
		dst = append(dst, screens[e.r.skewed(len(screens))]...)
		dst = append(dst, `","ms":`...)
		dst = strconv.AppendUint(dst, e.r.rank(18), 10)
		dst = append(dst, '}')
	}
	return append(dst, ']')
}

func (e *event) appendLesson(dst []byte) []byte {
	dst = append(dst, `,"lesson_id":`...)
	dst = strconv.AppendUint(dst, e.r.rank(12), 10)
	dst = append(dst, `,"topic":"`...)
	dst = append(dst, topics[e.r.skewed(len(topics))]...)
	dst = append(dst, `","progress":`...)
	dst = strconv.AppendFloat(dst, float64(e.r.below(1001))/1000, 'f', 3, 64)
	dst = append(dst, `,"duration_s":`...)
	dst = e.appendSometimesText(dst, e.r.rank(13))
	dst = append(dst, `,"slide":{"unit":`...)
	dst = strconv.AppendUint(dst, 1+e.r.below(12), 10)
	dst = append(dst, `,"number":`...)
	dst = strconv.AppendUint(dst, 1+e.r.below(40), 10)
	dst = append(dst, `},"feedback":`...)
	if e.r.below(3) > 0 {
		return append(dst, `null`...)
	}
	return e.appendText(dst, 4, 30)
}

// appendSometimesText writes an integer; after the drift every third one as a
// string.
func (e *event) appendSometimesText(dst []byte, n uint64) []byte {
	if e.drift && e.r.below(3) == 0 {
		dst = append(dst, '"')
		dst = strconv.AppendUint(dst, n, 10)
		return append(dst, '"')
	}
	return strconv.AppendUint(dst, n, 10)
}

func (e *event) appendMessage(dst []byte) []byte {
	dst = append(dst, `,"thread":{"id":`...)
	dst = strconv.AppendUint(dst, e.r.rank(20), 10)
	dst = append(dst, `,"participants":[`...)
	for i := range 2 + e.r.below(4) {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = strconv.AppendUint(dst, e.r.rank(18), 10)
	}
	dst = append(dst, `]},"text":`...)
	dst = e.appendText(dst, 6, 60)
	if e.drift {
		dst = append(dst, `,"reactions":["`...)
		dst = append(dst, words[e.r.below(uint64(len(words)))]...)
		dst = append(dst, `"]`...)
	}
	return dst
}

// appendText writes a string of least to below most words.
func (e *event) appendText(dst []byte, least, most uint64) []byte {
	dst = append(dst, '"')
	for i := range least + e.r.below(most-least) {
		if i > 0 {
			dst = append(dst, ' ')
		}
		dst = append(dst, words[e.r.below(uint64(len(words)))]...)
	}
	return append(dst, '"')
}

func (e *event) appendQuiz(dst []byte) []byte {
	dst = append(dst, `,"quiz_id":`...)
	dst = strconv.AppendUint(dst, e.r.rank(11), 10)
	dst = append(dst, `,"score":`...)
	dst = e.appendSometimesText(dst, e.r.below(101))
	dst = append(dst, `,"answers":[`...)
	for i := range 1 + e.r.below(7) {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(dst, `{"q":`...)
		dst = strconv.AppendUint(dst, i+1, 10)
		dst = append(dst, `,"a":"`...)
		dst = append(dst, "abcd"[e.r.below(4)])
		dst = append(dst, `","ok":`...)
		dst = strconv.AppendBool(dst, e.r.below(3) > 0)
		dst = append(dst, `,"ms":`...)
		dst = strconv.AppendUint(dst, e.r.rank(16), 10)
		dst = append(dst, '}')
	}
	return append(dst, ']')
}

// appendPayment splits the amount over the lines of an invoice.
func (e *event) appendPayment(dst []byte) []byte {
	dst = append(dst, `,"amount_cents":`...)
	dst = strconv.AppendInt(dst, e.cents, 10)
	dst = append(dst, `,"currency":"`...)
	dst = append(dst, currencies[e.r.skewed(len(currencies))]...)
	dst = append(dst, `","method":"`...)
	dst = append(dst, methods[e.r.skewed(len(methods))]...)
	dst = append(dst, `","invoice":{"number":"INV-`...)
	dst = strconv.AppendUint(dst, 100_000_000+e.r.below(900_000_000), 10)
	dst = append(dst, `","lines":[`...)
	rest := e.cents
	for n := e.r.below(4); ; n-- {
		cents := rest
		if n > 0 {
			cents = int64(e.r.below(uint64(rest)))
		}
		rest -= cents
		dst = append(dst, `{"sku":"COURSE-`...)
		dst = strconv.AppendUint(dst, 1000+e.r.rank(9), 10)
		dst = append(dst, `","qty":1,"cents":`...)
		dst = strconv.AppendInt(dst, cents, 10)
		dst = append(dst, '}')
		if n == 0 || rest == 0 {
			return append(dst, `]}`...)
		}
		dst = append(dst, ',')
	}
}

func (e *event) appendAccount(dst []byte) []byte {
	dst = append(dst, `,"email_hash":"`...)
	dst = strconv.AppendUint(dst, e.r.next(), 16)
	dst = strconv.AppendUint(dst, e.r.next(), 16)
	dst = append(dst, `","age":`...)
	if e.r.below(4) == 0 {
		dst = append(dst, `null`...)
	} else {
		dst = strconv.AppendUint(dst, 10+e.r.below(60), 10)
	}
	dst = append(dst, `,"preferences":{"newsletter":`...)
	dst = strconv.AppendBool(dst, e.r.below(2) == 0)
	dst = append(dst, `,"daily_goal_min":`...)
	dst = strconv.AppendUint(dst, 5*(1+e.r.below(12)), 10)
	dst = append(dst, `,"topics":["`...)
	dst = append(dst, topics[e.r.skewed(len(topics))]...)
	dst = append(dst, `","`...)
	dst = append(dst, topics[e.r.below(uint64(len(topics)))]...)
	dst = append(dst, `"]},"referrer":"https://www.example.com/invite/`...)
	dst = strconv.AppendUint(dst, e.r.next()>>20, 36)
	return append(dst, `?utm_source=mail&utm_medium=newsletter"`...)
}
