// Package kinesis is lake.Stream on Amazon Kinesis Data Streams, and the form
// of the records in it.
//
// # Positions
//
// A shard is named as Kinesis names it. A position's Seq is the record's
// sequence number and its Sub counts the events inside that record from 0.
// Positions are not ordinals: two of them compare, their difference says
// nothing.
//
// # Records
//
// Many events share one record, since Kinesis bills records in units and limits
// their number. A record is written in the aggregated format of the Kinesis
// Producer Library, which any consumer library reads:
//
//	F3 89 9A C2 | AggregatedRecord | MD5 of the AggregatedRecord
//
//	message AggregatedRecord {
//	  repeated string partition_key_table = 1;     // event ids, 32 hex digits
//	  repeated string explicit_hash_key_table = 2; // one, inside the shard's range
//	  repeated Record records = 3;
//	}
//	message Record {
//	  required uint64 partition_key_index = 1;
//	  optional uint64 explicit_hash_key_index = 2;
//	  required bytes data = 3;                     // the event's body as it came
//	  repeated Tag tags = 4;
//	}
//	message Tag { required string key = 1; optional string value = 2; }
//
// The tags "source" and "received" (microseconds since 1970, decimal) carry what
// an event is beside its body. They are written where they change: within one
// aggregate they hold for the records that follow as well. With Options.Compress
// the whole aggregate is one zstd frame; then only this package reads it.
//
// What others wrote is read too; see Unpacker.
//
// # Durability and order
//
// Append returns nil when Kinesis has answered for every event. Each shard has
// at most one record on its way, which holds everything that was waiting, so
// events keep their order without a limit on how much a shard can take. Log time
// never goes back within what one Stream value appended to a shard; with several
// collectors it is as exact as their clocks agree.
package kinesis
