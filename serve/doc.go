// Package serve is the lake's HTTP server: it listens, keeps slow and broken
// clients within bounds, answers the questions that operators ask (is it alive,
// is it ready, how much of what) and hands everything else to the endpoints
// that it was given. Stopping it is graceful: it says that it is not ready,
// takes no new connections, and waits for the requests that it has.
package serve
