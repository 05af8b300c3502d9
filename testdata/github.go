// Package testdata holds real events for tests and for lake demo.
package testdata

import _ "embed" // for the file below

// GitHub is 800 events of GitHub's public timeline of 2021-07-21, gzip NDJSON;
// README.md beside it says where they come from.
//
//go:embed github-events-2021-07-21.ndjson.gz
var GitHub []byte
