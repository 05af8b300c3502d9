package terraform

import (
	"encoding/json"
	"fmt"
	"iter"
	"strings"
)

// Values is what Terraform knows of a state or a plan.
type Values struct {
	Outputs map[string]struct {
		Value json.RawMessage `json:"value"`
	} `json:"outputs"`
	Root Module `json:"root_module"`
}

// Module is the resources of a module and the modules in it.
type Module struct {
	Resources []Resource `json:"resources"`
	Children  []Module   `json:"child_modules"`
}

// Resource is one resource. What a plan does not know yet is missing in Values.
type Resource struct {
	Address string          `json:"address"` // e.g. module.claims[0].aws_dynamodb_table.this["claims"]
	Mode    string          `json:"mode"`    // managed, or data
	Type    string          `json:"type"`
	Name    string          `json:"name"`
	Values  json.RawMessage `json:"values"`
}

// Output reads an output into a value.
func (v Values) Output(name string, into any) error {
	o, ok := v.Outputs[name]
	if !ok || len(o.Value) == 0 {
		return fmt.Errorf("no output %s", name)
	}
	return json.Unmarshal(o.Value, into)
}

// All yields the managed resources of a type, everywhere; of all types when it
// is empty.
func (v Values) All(kind string) iter.Seq[Resource] {
	return func(yield func(Resource) bool) { v.Root.all(kind, yield) }
}

func (m Module) all(kind string, yield func(Resource) bool) bool {
	for _, r := range m.Resources {
		if r.Mode == "managed" && (kind == "" || r.Type == kind) && !yield(r) {
			return false
		}
	}
	for _, c := range m.Children {
		if !c.all(kind, yield) {
			return false
		}
	}
	return true
}

// Get reads the resource at an address into a value.
func (v Values) Get(address string, into any) error {
	for r := range v.All("") {
		if r.Address == address {
			return json.Unmarshal(r.Values, into)
		}
	}
	return fmt.Errorf("no resource %s", address)
}

// Module is the address of the module that the resource is in, "" for the root.
func (r Resource) Module() string {
	m, ok := strings.CutSuffix(r.Address[:strings.LastIndex(r.Address, r.Type+".")], ".")
	if !ok {
		return ""
	}
	return m
}
