// Package collect takes events over HTTP and puts them into the stream.
//
//	POST -> who is it -> is there room -> body -> split -> look at each -> Append -> 202
//
// Append is the commit point: 202 is said only after the stream has stored all
// events of the request. Everything that is an event goes into the stream, also
// what will be refused; collect runs the same pure transform that ingest will
// run and tells the client what will become of each. A request that gets
// another answer than 202 stored nothing, except after a 500 (and a 503 while
// the lake stops) where it may have: sending it again is always safe when the
// events carry ids.
//
// What a request holds in memory is reused from request to request; nothing is
// allocated an event.
package collect
