// Package config reads how a lake is set up: flags over environment over
// lake.yaml over defaults. It knows every key's meaning and bounds, and reports
// all problems of a configuration at once, each with its place and a hint.
package config

import (
	"time"

	"github.com/eventlake/lake"
)

// Config is everything that can be set. Keys are the yaml tags joined by dots
// (stream.shards); the environment variable of a key is LAKE_ and the key in
// upper case with '_' for '.' (LAKE_STREAM_SHARDS). A doc tag is the key's
// documentation; min, max and enum bound its value.
type Config struct {
	Data    string                   `yaml:"data" doc:"Directory that holds everything the lake keeps. One process may have it open."`
	Listen  string                   `yaml:"listen" doc:"Address to take HTTP requests on, host:port. Addresses other than loopback need write keys."`
	TLS     TLS                      `yaml:"tls" doc:"HTTPS by certificate files; both or neither."`
	CORS    CORS                     `yaml:"cors" doc:"Which web pages may send events from a browser."`
	Keys    Keys                     `yaml:"keys" doc:"Write and read keys; see lake keys."`
	Limits  Limits                   `yaml:"limits" doc:"What one client may ask of the collector."`
	Stream  Stream                   `yaml:"stream" doc:"The log that every accepted event goes through."`
	Claims  Claims                   `yaml:"claims" doc:"The memory of event ids that finds duplicates on the way in."`
	Ingest  Ingest                   `yaml:"ingest" doc:"From the stream into raw files."`
	Raw     Raw                      `yaml:"raw" doc:"The gzip NDJSON files, and how small ones are merged."`
	Curate  Curate                   `yaml:"curate" doc:"From raw files into Iceberg tables, and their upkeep."`
	Query   Query                    `yaml:"query" doc:"Bounds of one SQL statement and of all together."`
	AWS     AWS                      `yaml:"aws" doc:"The parts of a lake on AWS; see docs/aws.md."`
	Log     Log                      `yaml:"log" doc:"What the program says about itself on stderr."`
	Sources map[lake.SourceID]Source `yaml:"sources" doc:"Where each source keeps id, name and time in its events. What is not named here uses event_uuid, event_name and created_at."`

	// Warnings are findings that do not stop anything, e.g. an environment
	// variable that looks like a key and is none.
	Warnings []string `yaml:"-"`
}

// TLS names certificate files in PEM form.
type TLS struct {
	Cert string `yaml:"cert" doc:"File with the certificate chain, PEM. Empty: plain HTTP."`
	Key  string `yaml:"key" doc:"File with the private key, PEM."`
}

// CORS is the allow-list for browsers.
type CORS struct {
	Origins []string `yaml:"origins" doc:"Allowed origins, e.g. [https://app.example.com]; [\"*\"] allows every page. Empty: none."`
}

// Keys says when keys are asked for.
type Keys struct {
	Required string `yaml:"required" enum:"auto,on,off" doc:"on: always; off: never, only possible on a loopback address; auto: off on loopback, on elsewhere."`
}

// Limits bound what the collector takes.
type Limits struct {
	RequestBytes  Size          `yaml:"request_bytes" min:"1KiB" max:"10MiB" doc:"Largest request body, as sent and decompressed; more is answered with 413. One event cannot be larger either."`
	RequestEvents int           `yaml:"request_events" min:"1" max:"1000000" doc:"Most events in one request; more is answered with 413."`
	Depth         int           `yaml:"depth" min:"1" max:"1000" doc:"Deepest nesting of objects and arrays in an event; deeper ones go to quarantine as too_deep."`
	Rate          int           `yaml:"rate" min:"0" doc:"Events a second for each key; more is answered with 429 and Retry-After. 0: no limit."`
	Memory        Size          `yaml:"memory" min:"1MiB" doc:"Memory for requests in flight, at least 8 times limits.request_bytes; when it is used up, requests are answered with 503 and Retry-After."`
	DiskFree      Size          `yaml:"disk_free" min:"0B" doc:"With less free disk than this, requests are answered with 503 and Retry-After."`
	ReadTimeout   time.Duration `yaml:"read_timeout" min:"1s" doc:"Time for a client to send its whole request."`
	IdleTimeout   time.Duration `yaml:"idle_timeout" min:"1s" doc:"How long a connection without a request is kept."`
	Drain         time.Duration `yaml:"drain" min:"0s" doc:"Time for requests in flight to end when the lake is told to stop."`
}

// Stream is the embedded log.
type Stream struct {
	Shards      int           `yaml:"shards" min:"1" max:"256" doc:"Number of shards, each ordered and worked on by itself. Fixed when the data directory is made."`
	Retention   time.Duration `yaml:"retention" min:"1m" doc:"How long records are kept; those that ingest or a consumer (lake tail --consumer) has not read are kept longer."`
	RetainSize  Size          `yaml:"retain_size" min:"1MiB" doc:"Most bytes kept after ingest has passed them, all shards together; older ones go first, also when a consumer has not read them."`
	SegmentSize Size          `yaml:"segment_size" min:"64KiB" max:"1GiB" doc:"Size at which a new file of the log begins; whole files are trimmed."`
}

// Claims is the claim index.
type Claims struct {
	TTL    time.Duration `yaml:"ttl" min:"1m" doc:"How long an id is remembered, in log time. Later copies are still dropped, when the table is written. Not below stream.retention."`
	Memory Size          `yaml:"memory" min:"8MiB" doc:"Memory for recent ids; older ones are sealed on disk behind a filter."`
}

// Ingest is when the ingest stage commits, and how many names it admits.
type Ingest struct {
	FlushSize   Size          `yaml:"flush_size" min:"64KiB" max:"1GiB" doc:"Commit a shard when this many bytes of events wait."`
	FlushAge    time.Duration `yaml:"flush_age" min:"10ms" max:"1h" doc:"Commit a shard when its oldest waiting event is this old."`
	MaxTypes    int           `yaml:"max_types" min:"1" max:"100000" doc:"Distinct event types that get their own partition and table; later ones go to \"other\", the true name stays in the column."`
	MaxSubtypes int           `yaml:"max_subtypes" min:"1" max:"100000" doc:"The same for the subtypes of one type."`
}

// Raw is the raw files.
type Raw struct {
	Level         int           `yaml:"level" min:"1" max:"9" doc:"gzip level: 1 is fastest, 9 is smallest."`
	MergeInterval time.Duration `yaml:"merge_interval" min:"1s" doc:"How often to look for small files to merge."`
	MergeFiles    int           `yaml:"merge_files" min:"2" doc:"Merge when a partition has this many small files of one shard."`
	MergeSize     Size          `yaml:"merge_size" min:"64KiB" doc:"Merge up to this size; a file that reaches it is no longer small."`
}

// Curate is the tables' writer and their upkeep.
type Curate struct {
	Interval        time.Duration `yaml:"interval" min:"100ms" doc:"Least time between two commits of one table; what comes between waits for the next."`
	Memory          Size          `yaml:"memory" min:"16MiB" doc:"Memory for rows that are not yet in a Parquet file; filters over the ids of days that late events are compared with take up to half as much."`
	Columns         int           `yaml:"columns" min:"1" max:"10000" doc:"Most columns of a table, fields inside structs included; further fields are kept together as JSON text."`
	Depth           int           `yaml:"depth" min:"0" max:"16" doc:"Deepest nesting that becomes structs; what lies deeper is JSON text."`
	CompactInterval time.Duration `yaml:"compact_interval" min:"1s" doc:"How often to look for days of a table with many small files."`
	CompactFiles    int           `yaml:"compact_files" min:"2" doc:"Compact a day when it has this many small files."`
	FileSize        Size          `yaml:"file_size" min:"64KiB" doc:"Size of Parquet files that compaction aims at."`
	KeepSnapshots   time.Duration `yaml:"keep_snapshots" min:"1m" doc:"How long old snapshots, and the files that only they name, are kept. Readers must finish within it. A minute more than query.timeout at least."`
}

// Query bounds SQL.
type Query struct {
	Rows       int           `yaml:"rows" min:"1" doc:"Most rows of one answer over HTTP."`
	Timeout    time.Duration `yaml:"timeout" min:"100ms" doc:"Longest time of one statement."`
	Memory     Size          `yaml:"memory" min:"32MiB" doc:"Memory of SQL over HTTP, all statements together: each of the query.concurrent has an equal part, from 32MiB, and is ended beyond it. A lake sql has all of it for its one."`
	Threads    int           `yaml:"threads" min:"0" max:"1024" doc:"Threads of one statement. 0: one for each CPU."`
	Concurrent int           `yaml:"concurrent" min:"1" max:"1024" doc:"Statements at a time over HTTP; more wait a second and are then answered with 429 and Retry-After."`
}

// Log is the program's own log.
type Log struct {
	Level  string `yaml:"level" enum:"debug,info,warn,error" doc:"The least severe messages to write."`
	Format string `yaml:"format" enum:"text,json" doc:"text: key=value lines; json: one object a line."`
}

// Source is how to read one source's events.
type Source struct {
	Event Event `yaml:"event" doc:"The mapping."`
}

// Event is the mapping of one source. Paths are what transform.ParsePath reads:
// keys with dots between them (payload.action), a dot inside a key as \.
type Event struct {
	ID             string        `yaml:"id" doc:"Path of the event's id, a string or an integer. Where an event has none, a hash of its body is the id (weak)."`
	Name           string        `yaml:"name" doc:"Path of the name, \"type:subtype\" or only the type. Either this or type."`
	Type           string        `yaml:"type" doc:"Path of the type, where type and subtype are apart."`
	Subtype        string        `yaml:"subtype" doc:"Path of the subtype. Only with type."`
	Time           string        `yaml:"time" doc:"Path of the time: a date and time by RFC 3339 (a missing offset is UTC, seconds or the whole clock time may be missing too), or a unix time in s, ms, us or ns as a number or a string."`
	DefaultType    string        `yaml:"default_type" doc:"Type of events that have none. Empty: such events go to quarantine as missing_name."`
	DefaultSubtype string        `yaml:"default_subtype" doc:"Subtype of events that have none."`
	Earliest       time.Time     `yaml:"earliest" doc:"Events from before this date go to quarantine as time_out_of_range."`
	Future         time.Duration `yaml:"future" min:"0s" doc:"Events from further after their receipt than this go to quarantine as time_out_of_range."`
}
