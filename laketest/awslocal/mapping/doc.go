// Package mapping invokes functions for the records of a stream or a queue, the
// way the event source mappings of AWS Lambda do.
//
// Kept for Kinesis, as the developer guide of AWS Lambda says: batches of one
// shard, limited by number, by 6 MB of payload and by a window; with a
// parallelization factor up to ten batches of a shard at a time while the
// records of one partition key stay in order; a failed batch blocks its part of
// the shard and is tried again until its attempts are used up or its records are
// too old; bisection, which uses up no attempt; ReportBatchItemFailures, where
// the lowest reported number is the checkpoint, everything from it on comes
// again, and an empty, missing or unknown identifier fails the whole batch; what
// is given up goes to a destination, coordinates to SQS, the invocation's event
// too to S3; throttled invocations use up no attempt; shards in the order of
// their family, parents first; iterators that expire. Delivery is at least once
// (see Kinesis.Again).
//
// Kept for SQS: batches, the window, ReportBatchItemFailures, messages that come
// again after the queue's visibility time-out, and with it the queue's own
// redrive policy; several batches at a time.
//
// Left out: filters, tumbling windows, enhanced fan-out, FIFO queues, scaling of
// the pollers by load. Not documented by AWS and chosen here: a partial failure
// that makes progress keeps the attempts that its batch has used; a record that
// alone is over the payload limit is given up at once; the field condition of a
// record that was too old is RecordAgeExceeded.
package mapping
