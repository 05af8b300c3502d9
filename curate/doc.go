// Package curate turns committed raw files into tables: it takes the lines of
// raw files apart into typed columns, writes one Parquet file a table and day,
// and makes a cycle's files visible with one table commit.
//
// The commit point is Catalog.Commit. The consumed positions are part of the
// same snapshot as the rows, so whatever happens before the commit is repeated
// and whatever happened before it once is skipped: per event, by comparing its
// position with the table's consumed position of its shard.
//
// An event that may be a copy is compared with the ids of its day's files. Each
// file has Bloom filters over them, so that footer and filters are all that is
// read of a file which has none of the ids. What a filter lets pass is looked up
// in the ids themselves: a filter decides what is read, never what is a copy.
//
// Schema inference lives in package shred, the file format in parquetfile.
package curate
