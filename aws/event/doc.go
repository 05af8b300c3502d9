// Package event reads what AWS hands to a Lambda, and writes what AWS reads of
// its answer. Payloads are up to 6 MB of base64 in JSON, so the records of a
// stream are read in one pass into memory that is used again.
package event
