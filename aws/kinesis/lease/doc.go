// Package lease shares the shards of a stream between worker processes.
//
// A lease says who works on a shard. It is a small record with a counter that
// changes with every write, so every write is a compare-and-set. The owner
// renews it; one whose counter another process has seen unchanged for longer
// than Options.Expiry, by that process's own clock, belongs to nobody. No clocks
// are compared.
//
// Every worker takes its even share: of what belongs to nobody at once, and of
// what others have too much of by asking: the owner finishes what it has in
// hand and passes the lease on. A shard whose parents are not done is not given
// out, so that after a split or a merge the records come in order.
//
// A lease saves work, it does not make the lake right: a worker that was
// stopped for a while and does not know that it has lost its shard loses at the
// ledger's commit, which is a compare-and-set on the shard's position.
package lease
