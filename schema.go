package lake

import (
	"slices"
	"strings"
)

// ColumnID identifies a column for ever; it is the Iceberg and Parquet field
// id. A renamed column keeps it, a dropped one's is never used again.
type ColumnID int32

// ColumnType is the type of a column. The set is what JSON needs; the names
// are Iceberg's.
type ColumnType string

// The column types. Widening goes int -> long -> double.
const (
	TypeBool      ColumnType = "boolean"
	TypeInt       ColumnType = "int"         // 32 bits
	TypeLong      ColumnType = "long"        // 64 bits
	TypeDouble    ColumnType = "double"      // IEEE 754, 64 bits
	TypeString    ColumnType = "string"      // UTF-8; JSON text beyond the caps (Column.JSON)
	TypeTimestamp ColumnType = "timestamptz" // microseconds UTC (Instant)
	TypeUUID      ColumnType = "uuid"        // 16 bytes
	TypeStruct    ColumnType = "struct"      // Fields
	TypeList      ColumnType = "list"        // Fields[0] is the element, named "element"
)

// Column is one column, or a field of a struct, or the element of a list.
// Every column is optional (nullable) unless Required.
type Column struct {
	ID       ColumnID   `json:"id"`
	Name     string     `json:"name"`
	Type     ColumnType `json:"type"`
	Required bool       `json:"required,omitempty"`
	JSON     bool       `json:"json,omitempty"` // a string that holds JSON text
	Doc      string     `json:"doc,omitempty"`  // e.g. the original field name
	Fields   []Column   `json:"fields,omitempty"`
}

// Schema is the columns of a table, in order. Columns are only ever added,
// widened (int -> long; the rest becomes a sibling column) or appended to inside
// structs, so that old files stay valid.
type Schema struct {
	Columns []Column `json:"columns"`
	LastID  ColumnID `json:"last_id"` // the highest id ever given out
}

// Column finds a top-level column by name, ignoring case; nil when absent.
func (s *Schema) Column(name string) *Column {
	for i := range s.Columns {
		if strings.EqualFold(s.Columns[i].Name, name) {
			return &s.Columns[i]
		}
	}
	return nil
}

// Equal reports whether both schemas have the same columns.
func (s *Schema) Equal(t *Schema) bool { return slices.EqualFunc(s.Columns, t.Columns, equalColumn) }

func equalColumn(a, b Column) bool {
	return a.ID == b.ID && a.Name == b.Name && a.Type == b.Type && a.Required == b.Required &&
		a.JSON == b.JSON && a.Doc == b.Doc && slices.EqualFunc(a.Fields, b.Fields, equalColumn)
}

// Clone returns a deep copy.
func (s *Schema) Clone() Schema {
	return Schema{Columns: cloneColumns(s.Columns), LastID: s.LastID}
}

func cloneColumns(cs []Column) []Column {
	cs = slices.Clone(cs)
	for i := range cs {
		cs[i].Fields = cloneColumns(cs[i].Fields)
	}
	return cs
}

// SystemColumns are the first columns of every table, with fixed ids 1..8.
func SystemColumns() []Column {
	return []Column{
		{ID: 1, Name: "event_id", Type: TypeUUID, Required: true, Doc: "128-bit identity; unique in the table"},
		{ID: 2, Name: "event_type", Type: TypeString, Required: true},
		{ID: 3, Name: "event_subtype", Type: TypeString, Required: true},
		{ID: 4, Name: "created_datetime", Type: TypeTimestamp, Required: true, Doc: "the event's own time, UTC"},
		{ID: 5, Name: "received_at", Type: TypeTimestamp, Required: true, Doc: "when the collector took it, UTC"},
		{ID: 6, Name: "source", Type: TypeString, Required: true},
		{ID: 7, Name: "shard", Type: TypeString, Required: true},
		{ID: 8, Name: "position", Type: TypeString, Required: true, Doc: "place in the shard; with shard the event's receipt"},
	}
}
