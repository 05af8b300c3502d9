package iceberg

import (
	"encoding/json"
	"fmt"
	"slices"

	ice "github.com/apache/iceberg-go"

	"github.com/eventlake/lake"
)

// schemaProperty is the table property with what an Iceberg schema cannot say.
const schemaProperty = "lake.schema"

type schemaExtra struct {
	Last lake.ColumnID            `json:"last"`
	JSON []lake.ColumnID          `json:"json,omitempty"`
	Docs map[lake.ColumnID]string `json:"docs,omitempty"` // of list elements
}

// toIceberg converts a schema, ids as they are.
func toIceberg(s lake.Schema) (*ice.Schema, schemaExtra, error) {
	extra := schemaExtra{Last: s.LastID}
	fields, err := toFields(s.Columns, &extra)
	if err != nil {
		return nil, extra, err
	}
	slices.Sort(extra.JSON)
	return ice.NewSchema(0, fields...), extra, nil
}

func toFields(cols []lake.Column, extra *schemaExtra) ([]ice.NestedField, error) {
	out := make([]ice.NestedField, len(cols))
	for i, c := range cols {
		t, err := toType(c, extra)
		if err != nil {
			return nil, err
		}
		out[i] = ice.NestedField{ID: int(c.ID), Name: c.Name, Type: t, Required: c.Required, Doc: c.Doc}
	}
	return out, nil
}

func toType(c lake.Column, extra *schemaExtra) (ice.Type, error) {
	if c.JSON {
		extra.JSON = append(extra.JSON, c.ID)
	}
	switch c.Type {
	case lake.TypeBool:
		return ice.PrimitiveTypes.Bool, nil
	case lake.TypeInt:
		return ice.PrimitiveTypes.Int32, nil
	case lake.TypeLong:
		return ice.PrimitiveTypes.Int64, nil
	case lake.TypeDouble:
		return ice.PrimitiveTypes.Float64, nil
	case lake.TypeString:
		return ice.PrimitiveTypes.String, nil
	case lake.TypeTimestamp:
		return ice.PrimitiveTypes.TimestampTz, nil
	case lake.TypeUUID:
		return ice.PrimitiveTypes.UUID, nil
	case lake.TypeStruct:
		fields, err := toFields(c.Fields, extra)
		return &ice.StructType{FieldList: fields}, err
	case lake.TypeList:
		e := c.Fields[0]
		if e.Doc != "" {
			if extra.Docs == nil {
				extra.Docs = map[lake.ColumnID]string{}
			}
			extra.Docs[e.ID] = e.Doc
		}
		t, err := toType(e, extra)
		return &ice.ListType{ElementID: int(e.ID), Element: t, ElementRequired: e.Required}, err
	}
	return nil, lake.Errorf(lake.ErrInvalid, "", "column %s (id %d) has the unknown type %q", c.Name, c.ID, c.Type)
}

// fromIceberg is the inverse of toIceberg. Types that the lake does not write
// itself (another engine added them) become the nearest type that it reads.
func fromIceberg(s *ice.Schema, property string) (lake.Schema, error) {
	var extra schemaExtra
	if property != "" {
		if err := json.Unmarshal([]byte(property), &extra); err != nil {
			return lake.Schema{}, fmt.Errorf("property %s: %w: %w", schemaProperty, lake.ErrCorrupt, err)
		}
	}
	cols, err := fromFields(s.Fields(), &extra)
	if err != nil {
		return lake.Schema{}, err
	}
	return lake.Schema{Columns: cols, LastID: max(extra.Last, lake.ColumnID(s.HighestFieldID()))}, nil
}

func fromFields(fields []ice.NestedField, extra *schemaExtra) ([]lake.Column, error) {
	out := make([]lake.Column, len(fields))
	for i, f := range fields {
		c := lake.Column{ID: lake.ColumnID(f.ID), Name: f.Name, Required: f.Required, Doc: f.Doc}
		if err := fromType(&c, f.Type, extra); err != nil {
			return nil, err
		}
		out[i] = c
	}
	return out, nil
}

func fromType(c *lake.Column, t ice.Type, extra *schemaExtra) (err error) {
	_, c.JSON = slices.BinarySearch(extra.JSON, c.ID)
	switch t := t.(type) {
	case ice.BooleanType:
		c.Type = lake.TypeBool
	case ice.Int32Type:
		c.Type = lake.TypeInt
	case ice.Int64Type:
		c.Type = lake.TypeLong
	case ice.Float64Type, ice.Float32Type:
		c.Type = lake.TypeDouble
	case ice.StringType:
		c.Type = lake.TypeString
	case ice.TimestampTzType, ice.TimestampType:
		c.Type = lake.TypeTimestamp
	case ice.UUIDType:
		c.Type = lake.TypeUUID
	case *ice.StructType:
		c.Type = lake.TypeStruct
		c.Fields, err = fromFields(t.FieldList, extra)
	case *ice.ListType:
		c.Type = lake.TypeList
		e := lake.Column{ID: lake.ColumnID(t.ElementID), Name: "element", Required: t.ElementRequired, Doc: extra.Docs[lake.ColumnID(t.ElementID)]}
		err = fromType(&e, t.Element, extra)
		c.Fields = []lake.Column{e}
	default:
		return lake.Errorf(lake.ErrInvalid, "drop or convert the column with the engine that added it", "column %s has the type %s, which the lake does not know", c.Name, t)
	}
	return err
}
