package config

import (
	"fmt"
	"reflect"
	"strings"
)

// Example is a lake.yaml with every key, its meaning and its default, all
// commented out: read as it is, it changes nothing. Settings lie behind one #,
// prose behind two, so that taking one # off every line leaves valid YAML.
func Example() string {
	var b strings.Builder
	b.WriteString(`## Configuration of a lake. Every key is shown with its default; to change one,
## take the # off its line and off the line of the section above it.
## Flags win over the environment (LAKE_STREAM_SHARDS for stream.shards), the
## environment wins over this file.
`)
	config := Default()
	writeSection(&b, reflect.ValueOf(config), "")
	b.WriteString(`#sources:
#  github: # GitHub's own events, unchanged
#    event:
#      id: id
#      type: type
#      subtype: payload.action
#      time: created_at
`)
	return b.String()
}

// writeSection writes the keys of a struct as commented YAML.
func writeSection(b *strings.Builder, v reflect.Value, indent string) {
	for i := range v.NumField() {
		f := v.Type().Field(i)
		name, doc := f.Tag.Get("yaml"), f.Tag.Get("doc")
		if name == "-" {
			continue
		}
		if indent == "" {
			b.WriteString("\n")
		}
		b.WriteString(comment(doc, indent))
		switch {
		case f.Type.Kind() == reflect.Map: // the caller writes an example of its own
		case isSection(f.Type):
			fmt.Fprintf(b, "#%s:\n", name)
			writeSection(b, v.Field(i), indent+"  ")
		default:
			fmt.Fprintf(b, "#%s%s: %s\n", indent, name, formatValue(v.Field(i)))
		}
	}
}

// comment folds text into lines of at most 100 bytes, each behind "## ".
func comment(text, indent string) string {
	var b strings.Builder
	line := "## " + indent
	for word := range strings.FieldsSeq(text) {
		if len(line)+1+len(word) > 100 {
			b.WriteString(strings.TrimRight(line, " ") + "\n")
			line = "## " + indent
		}
		line += word + " "
	}
	b.WriteString(strings.TrimRight(line, " ") + "\n")
	return b.String()
}

// Reference is a table of every key in Markdown, as docs/configuration.md has
// it: key, default, bounds and meaning.
func Reference() string {
	var b strings.Builder
	config := Default()
	b.WriteString("| key | default | allowed | meaning |\n|---|---|---|---|\n")
	writeRows(&b, fields(reflect.ValueOf(&config).Elem(), ""))
	source := DefaultSource()
	b.WriteString("\nFor each source under `sources.NAME`:\n\n| key | default | allowed | meaning |\n|---|---|---|---|\n")
	writeRows(&b, fields(reflect.ValueOf(&source).Elem(), ""))
	return b.String()
}

func writeRows(b *strings.Builder, fs []field) {
	for _, f := range fs {
		fmt.Fprintf(b, "| `%s` | `%s` | %s | %s |\n", f.key, formatValue(f.value), allowed(f), strings.ReplaceAll(f.tag.Get("doc"), "|", `\|`))
	}
}

// allowed describes the bounds of a field's tag.
func allowed(f field) string {
	if enum := f.tag.Get("enum"); enum != "" {
		return strings.ReplaceAll(enum, ",", ", ")
	}
	low, high := f.tag.Get("min"), f.tag.Get("max")
	switch {
	case low != "" && high != "":
		return low + " to " + high
	case low != "":
		return "from " + low
	case high != "":
		return "up to " + high
	}
	return ""
}

// AllKeys lists every key outside sources, in order.
func AllKeys() []string {
	var keys []string
	config := Default()
	for _, f := range fields(reflect.ValueOf(&config).Elem(), "") {
		keys = append(keys, f.key)
	}
	return keys
}
