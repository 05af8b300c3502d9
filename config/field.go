package config

import (
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"time"
)

// field is one settable key: a leaf of Config outside sources.
type field struct {
	key   string
	tag   reflect.StructTag
	value reflect.Value
}

// fields lists the leaves of a struct in order; prefix is "" or ends in a dot.
func fields(v reflect.Value, prefix string) []field {
	var out []field
	for i := range v.NumField() {
		sf := v.Type().Field(i)
		name := sf.Tag.Get("yaml")
		switch {
		case name == "-" || sf.Type.Kind() == reflect.Map:
		case isSection(sf.Type):
			out = append(out, fields(v.Field(i), prefix+name+".")...)
		default:
			out = append(out, field{prefix + name, sf.Tag, v.Field(i)})
		}
	}
	return out
}

// isSection tells a struct that holds keys from one that is a value.
func isSection(t reflect.Type) bool {
	return t.Kind() == reflect.Struct && t != reflect.TypeFor[time.Time]()
}

// env is the environment variable of the key.
func (f field) env() string {
	return "LAKE_" + strings.ToUpper(strings.ReplaceAll(f.key, ".", "_"))
}

// set reads text into the field and checks the bounds of its tag. On an error
// the field is unchanged.
func (f field) set(text string) (what, hint string) {
	v, hint, err := parseValue(text, f.value.Type())
	if err != nil {
		return err.Error(), hint
	}
	if what, hint := checkBounds(v, f.tag); what != "" {
		return what, hint
	}
	f.value.Set(v)
	return "", ""
}

// parseValue reads text as a value of the type.
func parseValue(text string, t reflect.Type) (v reflect.Value, hint string, err error) {
	switch t {
	case reflect.TypeFor[Size]():
		s, err := ParseSize(text)
		return reflect.ValueOf(s), "write a size as 512KiB, 64MiB or 2GiB", err
	case reflect.TypeFor[time.Duration]():
		d, err := ParseDuration(text)
		return reflect.ValueOf(d), "write a duration as 500ms, 30s, 10m, 1h or 7d", err
	case reflect.TypeFor[time.Time]():
		d, err := parseDate(text)
		return reflect.ValueOf(d), "write a date as 2000-01-01 or 2000-01-01T00:00:00Z", err
	case reflect.TypeFor[int]():
		n, err := strconv.Atoi(strings.ReplaceAll(text, "_", ""))
		if err != nil {
			err = fmt.Errorf("%q is not a whole number", text)
		}
		return reflect.ValueOf(n), "write digits only, e.g. 1000", err
	case reflect.TypeFor[string]():
		return reflect.ValueOf(text), "", nil
	case reflect.TypeFor[[]string]():
		var list []string
		for part := range strings.SplitSeq(text, ",") {
			if part = strings.TrimSpace(part); part != "" {
				list = append(list, part)
			}
		}
		return reflect.ValueOf(list), "", nil
	}
	return reflect.Value{}, "", fmt.Errorf("keys of type %s are not supported", t)
}

// parseDate reads a date or an RFC 3339 time, in UTC.
func parseDate(text string) (time.Time, error) {
	if d, err := time.ParseInLocation(time.DateOnly, text, time.UTC); err == nil {
		return d, nil
	}
	d, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		return time.Time{}, fmt.Errorf("cannot read the date %q", text)
	}
	return d.UTC(), nil
}

// checkBounds holds v against the min, max and enum of its tag.
func checkBounds(v reflect.Value, tag reflect.StructTag) (what, hint string) {
	if enum, ok := tag.Lookup("enum"); ok {
		allowed := strings.Split(enum, ",")
		for _, a := range allowed {
			if v.String() == a {
				return "", ""
			}
		}
		return fmt.Sprintf("%q is not allowed", v.String()), "use one of " + strings.Join(allowed, ", ")
	}
	for _, b := range []struct {
		name, word string
		outside    func(v, bound int64) bool
	}{
		{"min", "at least", func(v, bound int64) bool { return v < bound }},
		{"max", "at most", func(v, bound int64) bool { return v > bound }},
	} {
		text, ok := tag.Lookup(b.name)
		if !ok {
			continue
		}
		bound, _, err := parseValue(text, v.Type())
		if err == nil && b.outside(v.Int(), bound.Int()) {
			return fmt.Sprintf("%s is out of bounds", formatValue(v)), "use " + b.word + " " + formatValue(bound)
		}
	}
	return "", ""
}

// formatValue writes a value the way parseValue and YAML read it.
func formatValue(v reflect.Value) string {
	switch x := v.Interface().(type) {
	case Size:
		return x.String()
	case time.Duration:
		return FormatDuration(x)
	case time.Time:
		return x.Format(time.DateOnly)
	case []string:
		return "[" + strings.Join(x, ", ") + "]"
	case string:
		if x == "" {
			return `""`
		}
		return x
	default:
		return fmt.Sprint(x)
	}
}
