// Package firehose delivers records to S3 the way Amazon Data Firehose does for
// a Direct PUT stream, behind the protocol of the service.
//
// Kept, as the developer guide says: PutRecord, PutRecordBatch and
// DescribeDeliveryStream; 500 records and 4 MiB a call, 1,000 KiB a record;
// entries that fail one by one; multi-record de-aggregation (JSON or by a
// delimiter) with at most 500 sub-records; partition keys by a jq query, which
// reads JSON to a depth of 256 as jq 1.6 does; prefixes with
// partitionKeyFromQuery, timestamp (of the oldest record of the object, UTC) and
// firehose:random-string; an error prefix with firehose:error-output-type and
// one JSON document a line there; a buffer a partition, delivered when it is
// large or old enough; at most so many active partitions, beyond which records
// go to the error prefix; gzip; object names; delivery at least once.
//
// Left out: transformation by a Lambda, format conversion, other destinations,
// encryption, quotas of throughput, the loss of what S3 refuses for 24 hours, and
// the minimum of 64 MiB for the buffer of a partitioned stream, so that tests
// need not write as much.
//
// Not documented and chosen here, the stricter way where there is one: the size
// of a call counts base64; a record that cannot be taken apart to its end, or
// into more than 500, goes to the error prefix whole; a partition key that is
// null, empty, an object or an array is an error.
package firehose
