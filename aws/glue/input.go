package glue

import (
	"maps"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/glue/types"

	"github.com/eventlake/lake/iceberg"
)

// newTable describes a table that Glue does not have yet.
func newTable(m iceberg.Move) *types.TableInput {
	return &types.TableInput{
		Name:              aws.String(string(m.Next.Name)),
		Description:       aws.String("One row an event; written by Eventlake."),
		TableType:         aws.String("EXTERNAL_TABLE"),
		Parameters:        map[string]string{paramType: typeIceberg, paramLocation: m.To},
		PartitionKeys:     []types.Column{}, // Athena wants the list, also empty; Iceberg's metadata has the partitions
		StorageDescriptor: &types.StorageDescriptor{Location: &m.Location, Columns: columns(m.Next.Schema.Columns)},
	}
}

// movedTable describes the table that Glue has with its pointer moved. Glue
// replaces all that it knows of a table, so what others said about it goes with
// it.
func movedTable(now *types.Table, m iceberg.Move) *types.TableInput {
	params := maps.Clone(now.Parameters)
	params[paramType] = typeIceberg
	params[paramLocation] = m.To
	params[paramPrevious] = m.From
	place := types.StorageDescriptor{}
	if now.StorageDescriptor != nil {
		place = *now.StorageDescriptor
	}
	place.Location = &m.Location
	place.Columns = columns(m.Next.Schema.Columns)
	keys := now.PartitionKeys
	if keys == nil {
		keys = []types.Column{}
	}
	return &types.TableInput{
		Name: now.Name, Description: now.Description, Owner: now.Owner, Retention: now.Retention, TableType: now.TableType,
		LastAccessTime: now.LastAccessTime, LastAnalyzedTime: now.LastAnalyzedTime, TargetTable: now.TargetTable,
		ViewExpandedText: now.ViewExpandedText, ViewOriginalText: now.ViewOriginalText,
		Parameters: params, PartitionKeys: keys, StorageDescriptor: &place,
	}
}
