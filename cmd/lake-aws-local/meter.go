package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
)

// meter takes what the functions print: it sums up their metrics and keeps the
// last of the rest.
type meter struct {
	mu     sync.Mutex
	sums   map[string]float64 // by function and metric
	number map[string]int     // of calls, by function
	rest   []byte
}

// restBytes is how much of what is no metric is kept.
const restBytes = 8 << 10

// Write takes whole lines.
func (m *meter) Write(p []byte) (int, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.sums == nil {
		m.sums, m.number = map[string]float64{}, map[string]int{}
	}
	for line := range bytes.Lines(p) {
		m.line(line)
	}
	if over := len(m.rest) - restBytes; over > 0 {
		m.rest = append(m.rest[:0], m.rest[over:]...)
	}
	return len(p), nil
}

// line takes one line. A line of metrics is an object whose members are the
// values; a report begins with the function's name.
func (m *meter) line(line []byte) {
	if name, _, ok := bytes.Cut(line, []byte(": REPORT RequestId")); ok {
		m.number[short(string(name))]++
		return
	}
	begin := bytes.IndexByte(line, '{')
	if begin < 0 || !bytes.Contains(line, []byte(`"_aws":`)) {
		m.rest = append(m.rest, line...)
		return
	}
	var values map[string]any
	if json.Unmarshal(line[begin:], &values) != nil {
		return
	}
	function, _ := values["Function"].(string)
	for name, v := range values {
		if n, ok := v.(float64); ok {
			m.sums[short(function)+" "+name] += n
		}
	}
}

// short is the last word of a function's name.
func short(function string) string { return function[strings.LastIndexByte(function, '-')+1:] }

// sum is the sum of a metric over all calls of a function.
func (m *meter) sum(function, metric string) float64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.sums[function+" "+metric]
}

// calls says how often each function was called.
func (m *meter) calls() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	var list []string
	for _, name := range slices.Sorted(maps.Keys(m.number)) {
		list = append(list, fmt.Sprintf("%s %d", name, m.number[name]))
	}
	return strings.Join(list, ", ")
}

// tail is the last of what was no metric.
func (m *meter) tail() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return string(m.rest)
}
