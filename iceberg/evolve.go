package iceberg

import (
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

// checkEvolution reports lake.ErrInvalid when files written with the old schema
// could not be read with the new one: an id that changed its type other than
// int -> long, or an optional column that became required, or, while old files
// stay, a new required column.
func checkEvolution(old, next lake.Schema, oldFilesStay bool) error {
	was := map[lake.ColumnID]lake.Column{}
	var index func([]lake.Column)
	index = func(cols []lake.Column) {
		for _, c := range cols {
			was[c.ID] = c
			index(c.Fields)
		}
	}
	index(old.Columns)
	var check func(cols []lake.Column, parentIsOld bool) error
	check = func(cols []lake.Column, parentIsOld bool) error {
		for _, c := range cols {
			o, ok := was[c.ID]
			switch {
			case ok && o.Type != c.Type && (o.Type != lake.TypeInt || c.Type != lake.TypeLong):
				return lake.Errorf(lake.ErrInvalid, "", "column %s (id %d) cannot change from %s to %s", c.Name, c.ID, o.Type, c.Type)
			case ok && c.Required && !o.Required && oldFilesStay:
				return lake.Errorf(lake.ErrInvalid, "", "column %s (id %d) cannot become required", c.Name, c.ID)
			case !ok && c.Required && parentIsOld && oldFilesStay:
				return lake.Errorf(lake.ErrInvalid, "", "new column %s (id %d) cannot be required: the files there are do not have it", c.Name, c.ID)
			}
			if err := check(c.Fields, ok); err != nil {
				return err
			}
		}
		return nil
	}
	return check(next.Columns, true)
}
