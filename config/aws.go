package config

import "time"

// AWS names what a lake on AWS consists of. Terraform sets these as variables
// of the Lambdas; `lake worker` reads them like everything else.
type AWS struct {
	Stream             string        `yaml:"stream" doc:"Kinesis data stream that events go through."`
	Bucket             string        `yaml:"bucket" doc:"S3 bucket of raw/, quarantine/, tables/ and failed/."`
	Claims             string        `yaml:"claims" doc:"DynamoDB table of the claims. Empty: nothing is claimed, duplicates are dropped when tables are made."`
	Ledger             string        `yaml:"ledger" doc:"DynamoDB table of positions, files and receipts."`
	Leases             string        `yaml:"leases" doc:"DynamoDB table by which workers share the shards."`
	Firehose           string        `yaml:"firehose" doc:"Firehose delivery stream that writes raw; limits.depth may be at most 256 then. Empty: raw files are written to S3 directly."`
	FirehosePartitions int           `yaml:"firehose_partitions" min:"1" max:"100000" doc:"Partitions of the delivery stream that one process keeps open: its share of the quota, which is for all processes together. What it has beyond that it writes to S3 directly."`
	GlueDatabase       string        `yaml:"glue_database" doc:"Database of the Glue Data Catalog that holds the tables."`
	Queue              string        `yaml:"queue" doc:"URL of the SQS queue with S3's notifications about raw objects."`
	KMSKey             string        `yaml:"kms_key" doc:"ARN of the KMS key for objects. Empty: the bucket's default."`
	Keys               string        `yaml:"keys" doc:"Key of the object in the bucket that holds the write keys, as lake keys writes keys.json. Empty: no keys are asked for."`
	Failed             string        `yaml:"failed" doc:"Prefix in the bucket under which Lambda leaves batches that it gave up."`
	Environment        string        `yaml:"environment" doc:"Name of the environment, e.g. dev; a dimension of the metrics."`
	ClaimWrites        int           `yaml:"claim_writes" min:"1" max:"1000" doc:"Claims that are written to DynamoDB at the same time by one process."`
	Trimmed            string        `yaml:"trimmed" enum:"stop,skip" doc:"What lake worker does with a shard of which the stream no longer keeps the record that it has to go on from. stop: it leaves the shard alone and says so; skip: it goes on with the oldest record that is kept, and says that records may be lost."`
	Margin             time.Duration `yaml:"margin" min:"100ms" max:"60s" doc:"Time before a Lambda's deadline at which it stops and reports how far it came."`
}

// The values of AWS.Trimmed.
const (
	TrimmedStop = "stop"
	TrimmedSkip = "skip"
)
