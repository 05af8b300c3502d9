package duckdb

import (
	"fmt"
	"math"
	"math/big"
	"strconv"
	"strings"
	"time"

	duck "github.com/duckdb/duckdb-go/v2"
	"github.com/google/uuid"
)

// converter turns a value of the driver into one of lake.Rows.
//
// Integers are int64, or *big.Int for HUGEINT, UHUGEINT, BIGNUM and a UBIGINT
// beyond int64. DECIMAL is its exact text, "12.50". FLOAT is the float64 with
// the same shortest text. DATE and timestamps are time.Time in UTC, or the text
// "infinity" or "-infinity" where they have no end; TIME is text "15:04:05.5"; INTERVAL is text as DuckDB shows it. UUID is text in groups
// 8-4-4-4-12, JSON and ENUM are text. LIST and ARRAY are []any, STRUCT and MAP
// map[string]any with the keys of a MAP as text, UNION is the value it holds.
type converter func(any) any

func converterOf(info duck.TypeInfo) converter {
	switch d := info.Details().(type) {
	case *duck.ListDetails:
		return nullable(list(converterOf(d.Child)))
	case *duck.ArrayDetails:
		return nullable(list(converterOf(d.Child)))
	case *duck.StructDetails:
		return nullable(structure(d))
	case *duck.MapDetails:
		return nullable(mapping(converterOf(d.Key), converterOf(d.Value)))
	case *duck.UnionDetails:
		return nullable(union(d))
	}
	if info.InternalType() == duck.TYPE_UUID {
		return nullable(uuidText)
	}
	switch info.InternalType() {
	case duck.TYPE_TIME:
		return nullable(clock("15:04:05.999999"))
	case duck.TYPE_TIME_TZ:
		return nullable(clock("15:04:05.999999Z07:00"))
	case duck.TYPE_DATE:
		return endless(math.MaxInt32, func(t time.Time) int64 { return t.Unix() / (24 * 3600) })
	case duck.TYPE_TIMESTAMP, duck.TYPE_TIMESTAMP_TZ:
		return endless(math.MaxInt64, time.Time.UnixMicro)
	case duck.TYPE_TIMESTAMP_S:
		return endless(math.MaxInt64, time.Time.Unix)
	case duck.TYPE_TIMESTAMP_MS:
		return endless(math.MaxInt64, time.Time.UnixMilli)
	case duck.TYPE_TIMESTAMP_NS:
		return endless(math.MaxInt64, time.Time.UnixNano)
	}
	return scalar
}

func nullable(c converter) converter {
	return func(v any) any {
		if v == nil {
			return nil
		}
		return c(v)
	}
}

func list(child converter) converter {
	return func(v any) any {
		in, ok := v.([]any)
		if !ok {
			return scalar(v)
		}
		out := make([]any, len(in))
		for i, x := range in {
			out[i] = child(x)
		}
		return out
	}
}

func structure(d *duck.StructDetails) converter {
	fields := make(map[string]converter, len(d.Entries))
	for _, e := range d.Entries {
		fields[e.Name()] = converterOf(e.Info())
	}
	return func(v any) any {
		in, ok := v.(map[string]any)
		if !ok {
			return scalar(v)
		}
		out := make(map[string]any, len(in))
		for k, x := range in {
			if c := fields[k]; c != nil {
				out[k] = c(x)
			} else {
				out[k] = scalar(x)
			}
		}
		return out
	}
}

func mapping(key, value converter) converter {
	return func(v any) any {
		var m duck.OrderedMap
		switch v := v.(type) {
		case duck.OrderedMap:
			m = v
		case *duck.OrderedMap:
			m = *v
		default:
			return scalar(v)
		}
		keys, values := m.Keys(), m.Values()
		out := make(map[string]any, len(keys))
		for i := range keys {
			out[keyText(key(keys[i]))] = value(values[i])
		}
		return out
	}
}

func keyText(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case []byte:
		return string(v)
	case time.Time:
		return v.Format(time.RFC3339Nano)
	}
	return fmt.Sprint(v)
}

func union(d *duck.UnionDetails) converter {
	members := make(map[string]converter, len(d.Members))
	for _, m := range d.Members {
		members[m.Name] = converterOf(m.Type)
	}
	return func(v any) any {
		u, ok := v.(duck.Union)
		if !ok {
			return scalar(v)
		}
		if c := members[u.Tag]; c != nil {
			return c(u.Value)
		}
		return scalar(u.Value)
	}
}

func uuidText(v any) any {
	switch v := v.(type) {
	case []byte:
		if id, err := uuid.FromBytes(v); err == nil {
			return id.String()
		}
	case duck.UUID:
		return v.String()
	}
	return v
}

func clock(layout string) converter {
	return func(v any) any {
		if t, ok := v.(time.Time); ok {
			return t.Format(layout)
		}
		return v
	}
}

// endless converts times of which DuckDB has two that are none: its number for
// them is the largest, or that with a minus.
func endless(largest int64, number func(time.Time) int64) converter {
	return func(v any) any {
		t, ok := v.(time.Time)
		if !ok {
			return scalar(v)
		}
		switch number(t) {
		case largest:
			return "infinity"
		case -largest:
			return "-infinity"
		}
		return t.UTC()
	}
}

// scalar converts a value by its Go type alone.
func scalar(v any) any {
	switch v := v.(type) {
	case int8:
		return int64(v)
	case int16:
		return int64(v)
	case int32:
		return int64(v)
	case uint8:
		return int64(v)
	case uint16:
		return int64(v)
	case uint32:
		return int64(v)
	case uint64:
		if v > math.MaxInt64 {
			return new(big.Int).SetUint64(v)
		}
		return int64(v)
	case float32:
		f, err := strconv.ParseFloat(strconv.FormatFloat(float64(v), 'g', -1, 32), 64)
		if err != nil { // NaN and infinities parse; nothing else can fail
			return float64(v)
		}
		return f
	case time.Time:
		return v.UTC()
	case duck.Decimal:
		return decimal(v)
	case duck.Interval:
		return interval(v)
	case duck.UUID:
		return v.String()
	}
	return v
}

// decimal is the exact text of the number.
func decimal(d duck.Decimal) string {
	if d.Value == nil {
		return "0"
	}
	digits := new(big.Int).Abs(d.Value).String()
	if scale := int(d.Scale); scale > 0 {
		if missing := scale + 1 - len(digits); missing > 0 {
			digits = strings.Repeat("0", missing) + digits
		}
		digits = digits[:len(digits)-scale] + "." + digits[len(digits)-scale:]
	}
	if d.Value.Sign() < 0 {
		return "-" + digits
	}
	return digits
}

// interval is the text that DuckDB shows, e.g. "1 year 2 months 3 days 04:05:06.5".
func interval(v duck.Interval) string {
	var parts []string
	add := func(n int32, unit string) {
		switch n {
		case 0:
			return
		case 1, -1:
		default:
			unit += "s"
		}
		parts = append(parts, strconv.Itoa(int(n))+" "+unit)
	}
	add(v.Months/12, "year")
	add(v.Months%12, "month")
	add(v.Days, "day")
	if v.Micros != 0 || len(parts) == 0 {
		parts = append(parts, timeOfDay(v.Micros))
	}
	return strings.Join(parts, " ")
}

func timeOfDay(micros int64) string {
	sign := ""
	n := uint64(micros)
	if micros < 0 {
		sign, n = "-", -n
	}
	const second = 1_000_000
	s := fmt.Sprintf("%s%02d:%02d:%02d", sign, n/(3600*second), n/(60*second)%60, n/second%60)
	if frac := n % second; frac != 0 {
		s += strings.TrimRight(fmt.Sprintf(".%06d", frac), "0")
	}
	return s
}
