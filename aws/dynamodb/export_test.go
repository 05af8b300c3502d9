package dynamodb

// Inline sets how many bytes of a content stay in its item when there is a
// store.
func Inline(o Options, bytes int) Options {
	o.inline = bytes
	return o
}

var (
	AppendPosition = appendPosition
	Sortable       = sortable
)
