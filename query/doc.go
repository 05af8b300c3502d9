// Package query shows people and programs the answers of a lake.Engine: as
// tables, CSV, JSON and Parquet on the command line, over HTTP and in an
// interactive session.
package query
