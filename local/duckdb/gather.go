package duckdb

import (
	"encoding/json"
	"errors"
)

// condition is what a row must meet on its way up from a scan. at translates
// the columns it speaks of into those of the node below; -1 for what is none.
type condition struct {
	expr expression
	at   func(int) int
}

// node is an operator of a plan.
type node struct {
	Type        string            `json:"type"`
	Children    []json.RawMessage `json:"children"`
	Expressions []expression      `json:"expressions"`
	Projected   []int             `json:"projection_map"` // of a filter: which columns it lets out; all when empty
}

// gather finds the scans, wherever in the plan they are. above are the
// conditions that all rows of this part meet who go further up.
func gather(raw json.RawMessage, above []condition, found *[]scan) error {
	if len(raw) == 0 {
		return nil
	}
	switch raw[0] {
	case '[':
		var list []json.RawMessage
		if err := json.Unmarshal(raw, &list); err != nil {
			return err
		}
		for _, child := range list {
			if err := gather(child, nil, found); err != nil {
				return err
			}
		}
	case '{':
		return operator(raw, above, found)
	}
	return nil
}

func operator(raw json.RawMessage, above []condition, found *[]scan) error {
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(raw, &fields); err != nil {
		return err
	}
	switch string(fields["type"]) {
	case `"LOGICAL_GET"`:
		s := scan{above: above}
		if err := json.Unmarshal(raw, &s); err != nil {
			return err
		}
		if s.Data.Table != "" {
			*found = append(*found, s)
		} else if s.Name == "seq_scan" {
			return errors.New("a scan without the name of its table")
		}
		return gather(fields["children"], nil, found) // the rest of it, which is much, are values
	case `"LOGICAL_FILTER"`, `"LOGICAL_PROJECTION"`:
		var n node
		if err := json.Unmarshal(raw, &n); err != nil {
			return err
		}
		if len(n.Children) == 1 {
			below := n.pass(above)
			return gather(n.Children[0], below, found)
		}
	}
	for _, child := range fields {
		if err := gather(child, nil, found); err != nil {
			return err
		}
	}
	return nil
}

// pass translates the conditions for the node below, and adds the node's own.
func (n *node) pass(above []condition) []condition {
	var below []condition
	for _, c := range above {
		below = append(below, condition{c.expr, func(i int) int { return n.column(c.at(i)) }})
	}
	if n.Type == "LOGICAL_FILTER" {
		for _, x := range n.Expressions {
			below = append(below, condition{x, func(i int) int { return i }})
		}
	}
	return below
}

// column says which column of the node below is the i-th one of this node.
func (n *node) column(i int) int {
	switch {
	case i < 0:
		return -1
	case n.Type == "LOGICAL_PROJECTION":
		if i >= len(n.Expressions) || n.Expressions[i].Class != "BOUND_REF" {
			return -1
		}
		return n.Expressions[i].Index
	case len(n.Projected) == 0:
		return i
	case i >= len(n.Projected):
		return -1
	}
	return n.Projected[i]
}
