// Package dynamodb is the ledger on Amazon DynamoDB: lake.Ledger, lake.Backlog,
// lake.Receipts and lake.NameList in two tables. Tables says how they are made.
//
// # Claims
//
// One item an ID: id (B), o (S, the owner "shard/position"), f (N, the
// fingerprint), e (N, when the claim expires, in unix seconds; the table's TTL
// attribute). A claim is one conditional put: it is taken when nobody has the
// ID, when the owner is the very same record, or when the owner's claim has
// expired by the log time of the one that asks. A refused put returns the item
// that is in the way, which costs nothing more. DynamoDB deletes expired items
// days late, so the condition never relies on it.
//
// # Ledger
//
// Every shard has a log of its own, so shards do not wait for each other:
//
//	pk               sk               what
//	shard            <shard>          the head: p position, n commits, c checkpoint, t time, w token of the last commit
//	commit#<shard>   <number>         one commit: w token, b content, or o the object that holds it
//	checkpoint#<sh>  <number>         all commits up to this one, folded: b, or o
//	curated          <shard>          p: the curated mark
//	receipt#<shard>  <first>#<last>   b: what became of a batch that was handed over
//	names            names            n: how many, b: the names that all processes admit
//	receipts         <hour>#<shard>   f: the first position of the hour, where reading begins
//
// A commit is one transaction that replaces the head, on condition that it is
// still the one that was read, and puts the next commit item. That is THE
// commit point; whoever read an older head loses. The order of commits of
// different shards is that of their times, which are made to grow in each
// shard and in each process.
//
// Now and then a commit writes a checkpoint and removes the items before it, so
// that a log is read in a time that depends on what is live, not on its age.
// Contents are compressed; large ones lie in a lake.Store under "ledger/",
// written before the item that names them.
//
// # Files
//
// There may be millions of live files, so they are stored and held in parts: runs
// of files of one log in some 25 bytes a file, which are unpacked one at a time.
// A part of 2,048 files is an object under "ledger/<shard>/" that checkpoints name
// for as long as all of its files are live; what is left of others lies in the
// checkpoint itself. A checkpoint says of each part how far its spans and its
// times reach, so Pending reads the parts with files behind the curated mark,
// Between those of its time, and a commit that removes files those that have
// them, oldest first. Journal reads all. Only the checkpoint that replaces
// another may name its parts again, so whoever removes what one does not name
// removes nothing that a later one needs. Ledgers of before parts are read.
package dynamodb
