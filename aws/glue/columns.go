package glue

import (
	"strconv"
	"strings"
	"unicode"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/glue/types"

	"github.com/eventlake/lake"
)

// Glue's limits of a column, in characters and bytes.
const (
	maxName    = 255
	maxComment = 255
	maxType    = 131072
)

// columns describes a schema for Glue's own pages, Lake Formation and whatever
// lists columns without reading Iceberg metadata. Engines that read the table
// take its columns from the metadata.
func columns(cols []lake.Column) []types.Column {
	out := make([]types.Column, 0, len(cols))
	for _, c := range cols {
		if len(c.Name) > maxName {
			continue // the metadata has it
		}
		col := types.Column{
			Name: aws.String(c.Name),
			Type: aws.String(typeOf(c)),
			Parameters: map[string]string{
				"iceberg.field.id":       strconv.Itoa(int(c.ID)),
				"iceberg.field.optional": strconv.FormatBool(!c.Required),
				"iceberg.field.current":  "true",
			},
		}
		if c.Doc != "" {
			col.Comment = aws.String(comment(c.Doc))
		}
		out = append(out, col)
	}
	return out
}

// typeOf is the column's type in Hive's notation; "string" when that would be
// longer than Glue takes.
func typeOf(c lake.Column) string {
	var b strings.Builder
	writeType(&b, c)
	if b.Len() > maxType {
		return "string"
	}
	return b.String()
}

func writeType(b *strings.Builder, c lake.Column) {
	switch c.Type {
	case lake.TypeBool:
		b.WriteString("boolean")
	case lake.TypeInt:
		b.WriteString("int")
	case lake.TypeLong:
		b.WriteString("bigint")
	case lake.TypeDouble:
		b.WriteString("double")
	case lake.TypeTimestamp:
		b.WriteString("timestamp")
	case lake.TypeStruct:
		b.WriteString("struct<")
		for i, f := range c.Fields {
			if i > 0 {
				b.WriteByte(',')
			}
			b.WriteString(f.Name + ":")
			writeType(b, f)
		}
		b.WriteByte('>')
	case lake.TypeList:
		b.WriteString("array<")
		writeType(b, c.Fields[0])
		b.WriteByte('>')
	default: // strings and what Hive has no word for: uuid
		b.WriteString("string")
	}
}

// comment makes a text one line of the length that Glue takes.
func comment(doc string) string {
	runes := []rune(strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, doc))
	if len(runes) > maxComment {
		runes = append(runes[:maxComment-1], '…')
	}
	return string(runes)
}
