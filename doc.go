// Package lake holds the nouns and the ports of Eventlake, an event-driven
// data lake in one program, and nothing that does any work.
//
// One event's way through the system uses the nouns in this order:
//
//	Event    what a producer sent: an identity, a source, the bytes as they came
//	Record   an Event at its Position in one shard of the Stream
//	Claim    a Record asking the Ledger to own the event's ID
//	Verdict  what became of the Record: unique, duplicate or quarantined
//	File     an immutable object in the Store that holds many enriched events
//	Commit   Span + Files + Tallies + Claims made true in one step by the Ledger
//	DataFile a Parquet file of one Table and one Day
//	TableCommit  DataFiles + Schema + consumed Positions, one snapshot of a Table
//
// Stages (collect, ingest, curate, query, replay) depend on this package and
// on no adapter. Adapters (local/..., later aws/...) implement the ports:
//
//	Stream   ordered and durable per shard       Ledger   what the lake has taken in
//	Store    immutable objects                   Catalog  tables, schemas, snapshots
//	Engine   SQL over the catalog's tables
//
// Wiring happens only in package assemble. The package imports the standard
// library only.
package lake
