// Package iam reads IAM policies as roles have them, to hold them against the
// calls that a program makes. Of IAM it knows statements that allow and deny,
// actions and resources with wildcards. Conditions, NotAction and NotResource it
// refuses to read: a policy that has them is not judged wrongly.
package iam

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// Policy is what a role may do.
type Policy []Statement

// Statement allows or denies actions on resources.
type Statement struct {
	Sid       string
	Effect    string
	Actions   []string
	Resources []string
}

// Parse reads a policy document.
func Parse(document []byte) (Policy, error) {
	var doc struct {
		Version   string
		Statement []struct {
			Sid, Effect      string
			Action, Resource list
		}
	}
	d := json.NewDecoder(bytes.NewReader(document))
	d.DisallowUnknownFields()
	if err := d.Decode(&doc); err != nil {
		return nil, fmt.Errorf("policy: %w", err)
	}
	var p Policy
	for _, s := range doc.Statement {
		if s.Effect != "Allow" && s.Effect != "Deny" || len(s.Action) == 0 || len(s.Resource) == 0 {
			return nil, fmt.Errorf("statement %q of a policy: effect %q, %d actions, %d resources", s.Sid, s.Effect, len(s.Action), len(s.Resource))
		}
		p = append(p, Statement{s.Sid, s.Effect, s.Action, s.Resource})
	}
	return p, nil
}

// list is a text, or several.
type list []string

func (l *list) UnmarshalJSON(b []byte) error {
	if len(b) > 0 && b[0] == '"' {
		*l = make(list, 1)
		return json.Unmarshal(b, &(*l)[0])
	}
	return json.Unmarshal(b, (*[]string)(l))
}

// Allows reports whether a role with the policy may do the action on the
// resource: something allows it, and nothing denies it.
func (p Policy) Allows(action, resource string) bool {
	allowed := false
	for _, s := range p {
		if s.Covers(action, resource) {
			if s.Effect == "Deny" {
				return false
			}
			allowed = true
		}
	}
	return allowed
}

// Covers reports whether the statement is about the action on the resource.
func (s Statement) Covers(action, resource string) bool {
	return slices.ContainsFunc(s.Actions, func(a string) bool { return Match(strings.ToLower(a), strings.ToLower(action)) }) &&
		slices.ContainsFunc(s.Resources, func(r string) bool { return Match(r, resource) })
}

// Match compares a text with a pattern in which * is any text and ? any
// character.
func Match(pattern, text string) bool {
	for pattern != "" {
		switch pattern[0] {
		case '*':
			for i := range len(text) + 1 {
				if Match(pattern[1:], text[i:]) {
					return true
				}
			}
			return false
		case '?':
			if text == "" {
				return false
			}
		default:
			if text == "" || text[0] != pattern[0] {
				return false
			}
		}
		pattern, text = pattern[1:], text[1:]
	}
	return text == ""
}
