package parquetfile

import (
	"github.com/parquet-go/parquet-go/deprecated"
	"github.com/parquet-go/parquet-go/encoding/thrift"
	"github.com/parquet-go/parquet-go/format"

	"github.com/eventlake/lake"
)

// elements flattens the columns depth first, as the footer wants them.
func elements(columns []lake.Column) []format.SchemaElement {
	out := []format.SchemaElement{{Name: "table", NumChildren: thrift.New(int32(len(columns)))}}
	for i := range columns {
		out = appendElement(out, &columns[i])
	}
	return out
}

func appendElement(out []format.SchemaElement, c *lake.Column) []format.SchemaElement {
	e := format.SchemaElement{Name: c.Name, FieldID: int32(c.ID), RepetitionType: thrift.New(format.Optional)}
	if c.Required {
		e.RepetitionType = thrift.New(format.Required)
	}
	switch c.Type {
	case lake.TypeStruct:
		e.NumChildren = thrift.New(int32(len(c.Fields)))
		out = append(out, e)
		for i := range c.Fields {
			out = appendElement(out, &c.Fields[i])
		}
		return out
	case lake.TypeList:
		e.NumChildren = thrift.New(int32(1))
		e.ConvertedType = thrift.New(deprecated.List)
		e.LogicalType = format.LogicalType{Value: &format.ListType{}}
		list := format.SchemaElement{
			Name: "list", NumChildren: thrift.New(int32(1)), RepetitionType: thrift.New(format.Repeated),
		}
		return appendElement(append(out, e, list), &c.Fields[0])
	}
	e.Type = thrift.New(physical(c.Type))
	switch c.Type {
	case lake.TypeString:
		e.ConvertedType = thrift.New(deprecated.UTF8)
		e.LogicalType = format.LogicalType{Value: &format.StringType{}}
	case lake.TypeTimestamp:
		e.ConvertedType = thrift.New(deprecated.TimestampMicros)
		e.LogicalType = format.LogicalType{Value: &format.TimestampType{
			IsAdjustedToUTC: true, Unit: format.TimeUnit{Value: &format.MicroSeconds{}},
		}}
	case lake.TypeUUID:
		e.TypeLength = thrift.New(int32(16))
		e.LogicalType = format.LogicalType{Value: &format.UUIDType{}}
	}
	return append(out, e)
}

func physical(t lake.ColumnType) format.Type {
	switch t {
	case lake.TypeBool:
		return format.Boolean
	case lake.TypeInt:
		return format.Int32
	case lake.TypeDouble:
		return format.Double
	case lake.TypeString:
		return format.ByteArray
	case lake.TypeUUID:
		return format.FixedLenByteArray
	}
	return format.Int64
}
