// Package firehose keeps raw lines through Amazon Data Firehose, which gathers
// them for some minutes and writes them to S3 as gzip files, one a partition.
//
// Firehose bills every record as a multiple of 5 KiB, so lines are joined into
// large records. Firehose takes the records apart again (multi-record
// de-aggregation, at most 500 lines a record) and places each line by what a jq
// expression reads from it; so a record may hold lines of many partitions.
//
// jq can read the true names of an event, but not make the path-safe names of
// the lake from them. Lines whose partition is not what jq would read go to
// another sink, the direct one, and so do lines that are larger than a record
// and the lines of partitions beyond what a delivery stream can keep open.
// Those are few: names that are path-safe already are the rule.
//
// Firehose delivers at least once, and so does the Sink.
package firehose

// How a delivery stream is set up so that it writes what the lake reads. Each
// line becomes an object under Prefix below the bucket's root; what Firehose
// cannot place ends under ErrorPrefix, as JSON with the line in base64.
const (
	// JQ is the metadata extraction query (JQ-1.6), over the members that the
	// lake adds to every line.
	JQ = `{event_type:.event_type,event_subtype:.event_subtype,` +
		`year:.created_datetime[0:4],month:.created_datetime[5:7],day:.created_datetime[8:10]}`
	// Prefix is lake.Partition.Dir in Firehose's words.
	Prefix = "raw/event_type=!{partitionKeyFromQuery:event_type}/event_subtype=!{partitionKeyFromQuery:event_subtype}" +
		"/year=!{partitionKeyFromQuery:year}/month=!{partitionKeyFromQuery:month}/day=!{partitionKeyFromQuery:day}/"
	// ErrorPrefix is where the records go that Firehose cannot place, below
	// ErrorRoot.
	ErrorPrefix = ErrorRoot + "!{firehose:error-output-type}/year=!{timestamp:yyyy}/month=!{timestamp:MM}/day=!{timestamp:dd}/"
	ErrorRoot   = "failed/firehose/"
	// FileExtension is that of the objects; Firehose writes gzip.
	FileExtension = ".ndjson.gz"
	// SubRecordType is how records are taken apart (RecordDeAggregation).
	// AppendDelimiterToRecord puts the newlines back.
	SubRecordType = "JSON"
	// MaxDepth is how deeply an event may be nested for JQ-1.6 to read it:
	// limits.depth must not be above it when Firehose delivers.
	MaxDepth = 256
)

// What Firehose takes and counts. They are fixed for every account.
const (
	MaxLines   = 500       // lines in a record that are taken apart
	MaxRecord  = 1_000_000 // bytes of a record, before base64
	maxRecords = 500       // records in a call
	// maxCall is the most that a call may hold, in bytes. The documents do not
	// say whether base64 counts; here it does.
	maxCall = 4_000_000
	// Unit is what records are billed in multiples of, in bytes.
	Unit = 5 << 10
)
