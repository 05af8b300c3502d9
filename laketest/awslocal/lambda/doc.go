// Package lambda runs an unmodified bootstrap binary the way AWS Lambda does.
//
// Kept, as the developer guide of AWS Lambda says: the runtime API of
// 2018-06-01 (next, response, error, init/error) with its headers; the reserved
// environment variables, and no others but the function's own; one invocation
// at a time in an execution environment, which is used again while it is
// healthy and frozen in between; concurrency by further environments up to a
// limit, beyond which an invocation is throttled; the time limits of
// initialisation (10 s) and invocation, after which the process is killed; a new
// environment after a crash or a time-out; 6 MB for a payload each way; the
// types and texts of errors that the service itself makes.
//
// Kept too: Invoke of the API (Server) and function URLs (URL).
//
// Left out: the share of a processor that goes with the memory, the memory
// limit itself (Report.MaxRSS says what was used), a file system that can only
// be read, extensions, response streaming, layers, X-Ray, recursion detection,
// and what the comments of Server and URL name.
package lambda
