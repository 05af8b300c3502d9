package cloudwatch

import (
	"encoding/json"
	"math"
	"strconv"
	"time"
)

// line writes the document: the metadata under _aws, then dimensions, metrics
// and properties as members of the same object.
func (m *Metrics) line() []byte {
	b := append([]byte(`{"_aws":{"Timestamp":`), strconv.FormatInt(m.o.Clock().Time().UnixMilli(), 10)...)
	b = append(b, `,"CloudWatchMetrics":[{"Namespace":`...)
	b = appendText(b, m.o.Namespace)
	b = append(b, `,"Dimensions":[[`...)
	for i, d := range m.o.Dimensions {
		b = appendText(comma(b, i), d.Name)
	}
	b = append(b, `]],"Metrics":[`...)
	for i, v := range m.values {
		b = append(comma(b, i), `{"Name":`...)
		b = appendText(b, v.name)
		b = append(b, `,"Unit":"`...)
		b = append(b, v.unit...)
		b = append(b, `"}`...)
	}
	b = append(b, `]}]}`...)
	for _, d := range m.o.Dimensions {
		b = appendText(appendName(b, d.Name), d.Value)
	}
	for _, v := range m.values {
		b = appendNumber(appendName(b, v.name), v.v)
	}
	for _, p := range m.properties {
		b = appendText(appendName(b, p.name), p.value)
	}
	return append(b, '}', '\n')
}

func comma(b []byte, i int) []byte {
	if i > 0 {
		b = append(b, ',')
	}
	return b
}

func appendName(b []byte, name string) []byte {
	return append(appendText(append(b, ','), name), ':')
}

func appendText(b []byte, s string) []byte {
	quoted, err := json.Marshal(s)
	if err != nil {
		quoted = []byte(`""`) // a string can always be written
	}
	return append(b, quoted...)
}

// appendNumber writes whole numbers without an exponent, for people.
func appendNumber(b []byte, v float64) []byte {
	const exact = 1 << 53
	if v == math.Trunc(v) && math.Abs(v) < exact {
		return strconv.AppendInt(b, int64(v), 10)
	}
	return strconv.AppendFloat(b, v, 'g', -1, 64)
}

// Millis is a duration as a value in Milliseconds.
func Millis(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
