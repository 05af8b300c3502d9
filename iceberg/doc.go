// Package iceberg makes a lake.Catalog of Apache Iceberg tables (format version
// 2) out of two parts that differ from place to place: a Pointer, which names
// the current metadata file of each table, and the Files that it leads to.
//
//	tables/<table>/metadata/   *.metadata.json, snap-*.avro (manifest lists), *-m*.avro (manifests)
//	tables/<table>/data/       Parquet files, written by others before they are committed
//
// # The commit point
//
// A commit first writes its manifest, its manifest list and its metadata file
// under new names and has them durable. Then the pointer moves from the old
// metadata file to the new one, if it still names the old one. That move is the
// commit: a crash before it leaves files that nothing names and that Maintain
// removes; a crash after it leaves a complete commit. The pointer can only move
// once from one state to the next, so of two commits from the same base one
// wins and the other gets lake.ErrStale.
//
// Where the answer to a move can be lost, a move that seems to have failed may
// have happened. So before the files of a lost move are removed, the metadata
// that won is read: when it descends from the lost one, that one was no loss.
//
// # Places
//
// Iceberg metadata holds absolute URIs, as other readers want them; a Root
// translates between them and keys.
//
// # What Iceberg has no place for
//
// The snapshot summary carries "lake.consumed" (positions, carried forward from
// snapshot to snapshot) and "lake.commit.*" (TableCommit.Summary). The table
// properties carry "lake.schema" (the highest column id ever given out, which
// columns hold JSON text, the docs of list elements) and "lake.consumed" again,
// for the case that another engine adds a snapshot that does not know of it.
package iceberg
