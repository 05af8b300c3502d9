// Package catalog is the lake.Catalog of a data directory: the Iceberg tables of
// package iceberg, whose current state is named in an SQLite file that
// PyIceberg, Spark and iceberg-go open as an SQL (JDBC) catalog.
//
//	<root>/tables/catalog.db                  one row a table: where its current metadata lies
//	<root>/tables/<table>/metadata/           *.metadata.json, snap-*.avro (manifest lists), *-m*.avro (manifests)
//	<root>/tables/<table>/data/               Parquet files, written by others before they are committed
//
// The catalog is called "lake", and so is its only namespace.
//
// # The commit point
//
// A commit first writes its manifest, its manifest list and its metadata file
// under new names and syncs them and their directory. Then one SQLite transaction
// moves the row from the old metadata file to the new one, if it still names the
// old one. That transaction is the commit: a crash before it leaves files that
// nothing names and that Maintain removes; a crash after it leaves a complete
// commit. The row can only move once from one state to the next, so of two
// commits from the same base one wins and the other gets lake.ErrStale.
//
// # Checksums
//
// The transaction that moves a row also records length and CRC-32C of every
// metadata file that the commit wrote, in the table lake_checksums beside the
// catalog's own, with a digest over them. A file that has one is compared with it
// whenever it is read, and Check reads them all. Files of other engines, and of
// lakes before there were checksums, have none and are parsed only.
//
// # Paths
//
// Iceberg metadata holds absolute file URIs, as other readers want them. This
// package reads them relative to the data directory (the part from
// "/tables/<table>/" on), so a moved or copied directory works at once here; the
// next commit of a table, or Relocate, writes the new place into its metadata so
// that other readers find the files again.
package catalog
