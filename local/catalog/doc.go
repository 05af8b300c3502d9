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
// under new names and syncs them and their directory. Then one SQLite statement
// moves the row from the old metadata file to the new one, if it still names the
// old one. That statement is the commit: a crash before it leaves files that
// nothing names and that Maintain removes; a crash after it leaves a complete
// commit. The row can only move once from one state to the next, so of two
// commits from the same base one wins and the other gets lake.ErrStale.
//
// # Paths
//
// Iceberg metadata holds absolute file URIs, as other readers want them. This
// package reads them relative to the data directory (the part from
// "/tables/<table>/" on), so a moved or copied directory works at once here; the
// next commit of a table, or Relocate, writes the new place into its metadata so
// that other readers find the files again.
package catalog
