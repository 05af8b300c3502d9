package curate

// Split is split, for benchmarks.
var Split = split
