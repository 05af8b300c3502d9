// Package glue is the lake.Catalog of the AWS Glue Data Catalog: the Iceberg
// tables of package iceberg, their files in a lake.Store (S3), and the pointer
// to each table's metadata in a Glue table, where Athena, Spark, PyIceberg,
// Redshift and others look for it.
//
// A Glue table says table_type=ICEBERG and metadata_location in its parameters,
// previous_metadata_location after the first commit, and the current columns
// and the table's directory in its storage descriptor. What others have added
// to it stays.
//
// # The commit point
//
// UpdateTable with the VersionId that GetTable answered: Glue refuses it with
// ConcurrentModificationException when the table has changed since. A new
// table's is CreateTable.
//
// When an answer is lost the table is read again. The pointer is at the new
// metadata, and then the commit has happened; or where it was, and then the same
// request with the same VersionId can be sent again, because at most one of the
// two can win; or elsewhere, and then package iceberg looks whether the metadata
// there descends from the new one.
package glue
