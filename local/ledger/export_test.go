package ledger

// Inline makes the ledger seal and merge inside Commit, so that operations on
// the file system come in the same order in every run.
func Inline(o Options) Options {
	o.inline = true
	return o
}
