package dynamodb

// Inline sets how many bytes of a content stay in its item when there is a
// store.
func Inline(o Options, bytes int) Options {
	o.inline = bytes
	return o
}

// FullPart sets how many files a part has that is kept in an object.
func FullPart(o Options, files int) Options {
	o.fullPart = files
	return o
}

var (
	AppendPosition = appendPosition
	Sortable       = sortable
)
