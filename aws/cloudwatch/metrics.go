// Package cloudwatch writes metrics as lines of the embedded metric format:
// CloudWatch Logs reads the metrics out of the log, so they cost no call and
// no permission. One line stands for one invocation, never for one event.
package cloudwatch

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"

	"github.com/eventlake/lake"
)

// Unit is what a metric counts.
type Unit string

// The units that the lake uses, in CloudWatch's words.
const (
	Count        Unit = "Count"
	Bytes        Unit = "Bytes"
	Milliseconds Unit = "Milliseconds"
	Seconds      Unit = "Seconds"
	Percent      Unit = "Percent"
	None         Unit = "None"
)

// Dimension is a name and a value that a metric is kept by. Each combination
// of values is a metric of its own, and is billed as one.
type Dimension struct{ Name, Value string }

// Options of Metrics.
type Options struct {
	Namespace  string      // e.g. "Eventlake"
	Dimensions []Dimension // of all metrics, e.g. Env and Function; at most 30
	Clock      lake.Clock  // default lake.SystemClock
}

// Metrics gathers values until Flush writes them as one line. It is safe for
// concurrent use.
type Metrics struct {
	o   Options
	out io.Writer

	mu         sync.Mutex
	values     []value // in the order of their first mention
	properties []property
	problems   []error
}

type value struct {
	name string
	unit Unit
	v    float64
}

type property struct{ name, value string }

// New returns Metrics that are written to w, in a Lambda os.Stdout. ErrInvalid
// with a hint when CloudWatch would not take the namespace or a dimension.
func New(w io.Writer, o Options) (*Metrics, error) {
	if o.Clock == nil {
		o.Clock = lake.SystemClock
	}
	if err := checkNamespace(o.Namespace); err != nil {
		return nil, err
	}
	if err := checkDimensions(o.Dimensions); err != nil {
		return nil, err
	}
	o.Dimensions = slices.Clone(o.Dimensions)
	return &Metrics{o: o, out: w}, nil
}

// Add adds to a metric, which begins at 0: what happened in this invocation.
func (m *Metrics) Add(name string, unit Unit, v float64) {
	m.change(name, unit, v, func(old float64, known bool) float64 { return old + v })
}

// Set sets a metric: how something stands now.
func (m *Metrics) Set(name string, unit Unit, v float64) {
	m.change(name, unit, v, func(float64, bool) float64 { return v })
}

// Max raises a metric to v: the worst of this invocation.
func (m *Metrics) Max(name string, unit Unit, v float64) {
	m.change(name, unit, v, func(old float64, known bool) float64 {
		if known {
			return max(old, v)
		}
		return v
	})
}

// change applies a call. What CloudWatch would not take is left out, and Flush
// says so: a wrong metric must not end an invocation.
func (m *Metrics) change(name string, unit Unit, v float64, apply func(old float64, known bool) float64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	i := slices.IndexFunc(m.values, func(x value) bool { return x.name == name })
	if i < 0 {
		if err := m.admit(name, unit, v); err != nil {
			m.problem(fmt.Errorf("metric %q was left out: %w", name, err))
			return
		}
		m.values = append(m.values, value{name, unit, apply(0, false)})
		return
	}
	old := &m.values[i]
	next := apply(old.v, true)
	if err := checkValue(next); err != nil || old.unit != unit {
		m.problem(fmt.Errorf("metric %q in %s: a value in %s was left out: %w", name, old.unit, unit, errors.Join(err, lake.ErrInvalid)))
		return
	}
	old.v = next
}

// admit says whether another metric can be taken.
func (m *Metrics) admit(name string, unit Unit, v float64) error {
	if len(m.values) == maxMetrics {
		return lake.Errorf(lake.ErrLimit, "", "a line holds %d metrics", maxMetrics)
	}
	return errors.Join(checkName(name), m.free(name), checkUnit(unit), checkValue(v))
}

// free reports ErrInvalid when something else has the name: all names of a
// line are members of one JSON object.
func (m *Metrics) free(name string) error {
	taken := name == "_aws" ||
		slices.ContainsFunc(m.o.Dimensions, func(d Dimension) bool { return d.Name == name }) ||
		slices.ContainsFunc(m.properties, func(p property) bool { return p.name == name }) ||
		slices.ContainsFunc(m.values, func(v value) bool { return v.name == name })
	if taken {
		return lake.Errorf(lake.ErrInvalid, "", "the line has a member of that name")
	}
	return nil
}

// Property adds text to the next line that is no metric and can be searched
// for in the log, e.g. the request or the shard. Beyond 1,000 bytes it is cut.
func (m *Metrics) Property(name, text string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	i := slices.IndexFunc(m.properties, func(p property) bool { return p.name == name })
	if i >= 0 {
		m.properties[i].value = cut(text)
		return
	}
	err := errors.Join(checkName(name), m.free(name))
	if err == nil && len(m.properties) == maxProperties {
		err = lake.Errorf(lake.ErrLimit, "", "a line holds %d properties", maxProperties)
	}
	if err != nil {
		m.problem(fmt.Errorf("property %q was left out: %w", name, err))
		return
	}
	m.properties = append(m.properties, property{name, cut(text)})
}

// problem notes what Flush will say, as long as anybody would read it.
func (m *Metrics) problem(err error) {
	const enough = 10
	if len(m.problems) < enough {
		m.problems = append(m.problems, err)
	}
}

// Flush writes what was gathered as one line, in one call of Write, and begins
// anew, also after an error. Without metrics nothing is written. The error
// says which metrics were left out, or that the line could not be written.
func (m *Metrics) Flush() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	err := errors.Join(m.problems...)
	if len(m.values) > 0 {
		if _, failed := m.out.Write(m.line()); failed != nil {
			err = errors.Join(err, fmt.Errorf("write metrics: %w", failed))
		}
	}
	m.values, m.properties, m.problems = m.values[:0], m.properties[:0], nil
	return err
}
