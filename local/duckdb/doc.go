// Package duckdb answers SQL over the current snapshots of the lake's tables
// with an embedded DuckDB: a lake.Engine. One statement takes this way:
//
//  1. check: DuckDB's own parser turns it into a tree, in which only a SELECT
//     (or EXPLAIN of one) and functions that stay inside the database may occur.
//  2. load: the catalog says which files the named tables consist of now.
//  3. plan: a second database, which has the same tables without any rows and
//     may open no file at all, optimizes the statement. The filters that reach
//     each table there choose the files to read: those of other days are never
//     opened, not even for their footers.
//  4. run: on a connection of its own, with one temporary view a table over
//     exactly the chosen files. So a statement sees one snapshot of a table from
//     its start to its end, whatever is committed meanwhile.
//
// Columns are found in files by field id, so old files stay readable when the
// schema grows: what a file lacks is NULL.
package duckdb
