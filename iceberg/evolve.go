package iceberg

import (
	"maps"
	"slices"
	"strings"

	"github.com/eventlake/lake"
)

// timeColumn is the source of the partition.
const timeColumn = "created_datetime"

// checkSchema reports lake.ErrInvalid when a schema is not usable by itself:
// unknown shapes, an id twice, names that only case tells apart, no time column.
func checkSchema(s lake.Schema) error {
	if c := s.Column(timeColumn); c == nil || c.Type != lake.TypeTimestamp {
		return lake.Errorf(lake.ErrInvalid, "", "schema has no column %s of type %s to partition by", timeColumn, lake.TypeTimestamp)
	}
	seen := map[lake.ColumnID]string{}
	if err := checkColumns("", s.Columns, seen); err != nil {
		return err
	}
	for id, name := range seen {
		if id > s.LastID {
			return lake.Errorf(lake.ErrInvalid, "", "column %s has id %d, beyond the schema's last id %d", name, id, s.LastID)
		}
	}
	return nil
}

func checkColumns(path string, cols []lake.Column, seen map[lake.ColumnID]string) error {
	names := map[string]bool{}
	for _, c := range cols {
		name := path + c.Name
		if c.Name == "" || c.ID <= 0 {
			return lake.Errorf(lake.ErrInvalid, "", "column %q has id %d: every column needs a name and an id above 0", name, c.ID)
		}
		if other, ok := seen[c.ID]; ok {
			return lake.Errorf(lake.ErrInvalid, "", "columns %s and %s have the same id %d", other, name, c.ID)
		}
		seen[c.ID] = name
		lower := strings.ToLower(c.Name)
		if names[lower] {
			return lake.Errorf(lake.ErrInvalid, "", "column %s is there twice (case does not tell columns apart)", name)
		}
		names[lower] = true
		switch {
		case c.Type == lake.TypeList && (len(c.Fields) != 1 || c.Fields[0].Name != "element"):
			return lake.Errorf(lake.ErrInvalid, "", "list %s must have one field named element", name)
		case c.Type != lake.TypeList && c.Type != lake.TypeStruct && len(c.Fields) != 0:
			return lake.Errorf(lake.ErrInvalid, "", "column %s of type %s has fields", name, c.Type)
		}
		if err := checkColumns(name+".", c.Fields, seen); err != nil {
			return err
		}
	}
	return nil
}

// placed is a column and the id of the one it is in, 0 for none.
type placed struct {
	lake.Column
	parent lake.ColumnID
}

func index(into map[lake.ColumnID]placed, cols []lake.Column, parent lake.ColumnID) {
	for _, c := range cols {
		into[c.ID] = placed{c, parent}
		index(into, c.Fields, c.ID)
	}
}

// checkEvolution reports lake.ErrInvalid when files written with the old schema
// could not be read with the new one, or one day a file would be read as what it
// is not: an id that was given out before, or that changed its name, its place
// or, other than int -> long, its type; a last id that goes back; an optional
// column that became required; or, while old files stay, a column that is gone
// or a new required one.
func checkEvolution(old, next lake.Schema, oldFilesStay bool) error {
	if next.LastID < old.LastID {
		return lake.Errorf(lake.ErrInvalid, "", "the last column id cannot go back from %d to %d: ids would be given out again", old.LastID, next.LastID)
	}
	was, now := map[lake.ColumnID]placed{}, map[lake.ColumnID]placed{}
	index(was, old.Columns, 0)
	index(now, next.Columns, 0)
	system := lake.ColumnID(len(lake.SystemColumns()))
	for _, id := range slices.Sorted(maps.Keys(now)) {
		c := now[id]
		o, ok := was[id]
		_, parentIsOld := was[c.parent]
		parentIsOld = parentIsOld || c.parent == 0
		switch {
		case !ok && id > system && id <= old.LastID:
			return lake.Errorf(lake.ErrInvalid, "", "new column %s cannot have id %d: ids up to %d were given out before", c.Name, id, old.LastID)
		case ok && o.Type != c.Type && (o.Type != lake.TypeInt || c.Type != lake.TypeLong):
			return lake.Errorf(lake.ErrInvalid, "", "column %s (id %d) cannot change from %s to %s", c.Name, id, o.Type, c.Type)
		case ok && (o.Name != c.Name || o.parent != c.parent):
			return lake.Errorf(lake.ErrInvalid, "", "column %s (id %d) cannot become %s", o.Name, id, c.Name)
		case ok && c.Required && !o.Required && oldFilesStay:
			return lake.Errorf(lake.ErrInvalid, "", "column %s (id %d) cannot become required", c.Name, id)
		case !ok && c.Required && parentIsOld && oldFilesStay:
			return lake.Errorf(lake.ErrInvalid, "", "new column %s (id %d) cannot be required: the files there are do not have it", c.Name, id)
		}
	}
	if !oldFilesStay {
		return nil
	}
	for _, id := range slices.Sorted(maps.Keys(was)) {
		if _, ok := now[id]; !ok {
			return lake.Errorf(lake.ErrInvalid, "", "column %s (id %d) cannot go: files with it stay", was[id].Name, id)
		}
	}
	return nil
}
