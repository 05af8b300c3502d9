package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"reflect"
	"regexp"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/eventlake/lake"
)

// reader fills a Config from layers and keeps where each value came from and
// what was wrong.
type reader struct {
	config   *Config
	file     string
	origins  map[string]Origin // by key
	problems Problems
}

// problem notes a problem at a line of the file.
func (r *reader) problem(line int, key, hint, format string, args ...any) {
	r.problems = append(r.problems, Problem{
		Origin: Origin{Layer: FromFile, Name: r.file, Line: line},
		Key:    key, What: fmt.Sprintf(format, args...), Hint: hint,
	})
}

// readYAML takes the values of a file over what is there.
func (r *reader) readYAML(text []byte) {
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	var root yaml.Node
	if err := decoder.Decode(&root); err != nil {
		if !errors.Is(err, io.EOF) { // an empty file sets nothing
			r.syntax(err)
		}
		return
	}
	var more yaml.Node
	if err := decoder.Decode(&more); err == nil {
		r.problem(more.Line, "", "remove the line ---", "a second document")
	} else if !errors.Is(err, io.EOF) {
		r.syntax(err)
	}
	r.section(root.Content[0], reflect.ValueOf(r.config).Elem(), "")
}

// syntax notes what the YAML parser said, with its line where it names one.
func (r *reader) syntax(err error) {
	text := strings.TrimPrefix(err.Error(), "yaml: ")
	line := 0
	if m := regexp.MustCompile(`^line (\d+): `).FindStringSubmatch(text); m != nil {
		line, _ = strconv.Atoi(m[1]) // digits only; a number too long for an int is no line
		text = text[len(m[0]):]
	}
	r.problem(line, "", "YAML wants spaces, not tabs, and the same depth for keys of one section", "%s", text)
}

// section reads a mapping into a struct.
func (r *reader) section(node *yaml.Node, v reflect.Value, key string) {
	known := map[string]int{}
	var names []string
	for i := range v.NumField() {
		if name := v.Type().Field(i).Tag.Get("yaml"); name != "-" {
			known[name] = i
			names = append(names, name)
		}
	}
	r.mapping(node, key, func(name, value *yaml.Node, full string) {
		i, ok := known[name.Value]
		if !ok {
			r.unknown(name, full, names)
			return
		}
		f := v.Field(i)
		switch {
		case f.Kind() == reflect.Map:
			r.sources(value, full)
		case isSection(f.Type()):
			r.section(value, f, full)
		default:
			r.leaf(value, field{full, v.Type().Field(i).Tag, f})
		}
	})
}

// mapping calls each for the entries of a mapping; null is an empty one.
func (r *reader) mapping(node *yaml.Node, key string, each func(name, value *yaml.Node, full string)) {
	node = resolve(node)
	if node.Tag == "!!null" {
		return
	}
	if node.Kind != yaml.MappingNode {
		r.problem(node.Line, key, "write keys below it, indented by two spaces", "expected a section, found %s", describe(node))
		return
	}
	first := map[string]int{}
	for i := 0; i+1 < len(node.Content); i += 2 {
		name, value := node.Content[i], node.Content[i+1]
		full := name.Value
		if key != "" {
			full = key + "." + name.Value
		}
		if line, twice := first[name.Value]; twice {
			r.problem(name.Line, full, "keep one of them", "the key is there twice, first in line %d", line)
			continue
		}
		first[name.Value] = name.Line
		each(name, value, full)
	}
}

// unknown notes a key that does not exist, with the nearest one that does.
func (r *reader) unknown(name *yaml.Node, full string, names []string) {
	if near := nearest(name.Value, names); near != "" {
		r.problem(name.Line, full, fmt.Sprintf("did you mean %q?", near), "unknown key")
		return
	}
	for _, f := range fields(reflect.ValueOf(r.config).Elem(), "") {
		if strings.HasSuffix(f.key, "."+name.Value) {
			r.problem(name.Line, full, fmt.Sprintf("it belongs to the section %q", strings.TrimSuffix(f.key, "."+name.Value)), "unknown key here")
			return
		}
	}
	r.problem(name.Line, full, "known here: "+strings.Join(names, ", "), "unknown key")
}

// leaf reads a scalar, or a list of scalars, into a field.
func (r *reader) leaf(node *yaml.Node, f field) {
	node = resolve(node)
	text, ok := r.text(node, f)
	if !ok {
		return
	}
	if what, hint := f.set(text); what != "" {
		r.problem(node.Line, f.key, hint, "%s", what)
		return
	}
	r.origins[f.key] = Origin{Layer: FromFile, Name: r.file, Line: node.Line}
}

// text is the scalar's text; false when the node is of the wrong kind, which is
// noted, or null, which leaves the default.
func (r *reader) text(node *yaml.Node, f field) (string, bool) {
	list := f.value.Kind() == reflect.Slice
	switch {
	case node.Tag == "!!null":
		return "", false
	case node.Kind == yaml.ScalarNode:
		if f.value.Kind() == reflect.String && (node.Tag == "!!int" || node.Tag == "!!float") {
			r.problem(node.Line, f.key, "put it in quotes if it is meant", "expected text, found the number %s", node.Value)
			return "", false
		}
		// Bare on and off are booleans to a YAML 1.1 reader and texts to a 1.2 one;
		// the text as written is what counts here.
		return node.Value, true
	case node.Kind == yaml.SequenceNode && list:
		var parts []string
		for _, n := range node.Content {
			if n = resolve(n); n.Kind != yaml.ScalarNode {
				r.problem(n.Line, f.key, "", "expected text in the list, found %s", describe(n))
				return "", false
			}
			parts = append(parts, n.Value)
		}
		return strings.Join(parts, ","), true
	}
	r.problem(node.Line, f.key, "write one value behind the colon", "expected a value, found %s", describe(node))
	return "", false
}

// sources reads the mapping of source names.
func (r *reader) sources(node *yaml.Node, key string) {
	if r.config.Sources == nil {
		r.config.Sources = map[lake.SourceID]Source{}
	}
	r.mapping(node, key, func(name, value *yaml.Node, full string) {
		id := lake.SourceID(name.Value)
		if err := id.Validate(); err != nil {
			r.problem(name.Line, full, lake.Hint(err), "the name %q is not allowed", name.Value)
		}
		source := DefaultSource()
		source.Event.Name = "" // whether name or type is meant, the file says
		r.origins[full] = Origin{Layer: FromFile, Name: r.file, Line: name.Line}
		r.section(value, reflect.ValueOf(&source).Elem(), full)
		if source.Event.Name == "" && source.Event.Type == "" && source.Event.Subtype == "" {
			source.Event.Name = DefaultSource().Event.Name
		}
		r.config.Sources[id] = source
	})
}

// resolve follows aliases.
func resolve(node *yaml.Node) *yaml.Node {
	for node.Kind == yaml.AliasNode {
		node = node.Alias
	}
	return node
}

// describe names a node's kind for people.
func describe(node *yaml.Node) string {
	switch node.Kind {
	case yaml.MappingNode:
		return "a section"
	case yaml.SequenceNode:
		return "a list"
	}
	return fmt.Sprintf("%q", node.Value)
}
