resource "aws_kinesis_stream" "this" {
  name             = var.name
  shard_count      = var.shards > 0 ? var.shards : null
  retention_period = var.retention_hours
  encryption_type  = "KMS"
  kms_key_id       = var.key_arn

  stream_mode_details {
    stream_mode = var.shards > 0 ? "PROVISIONED" : "ON_DEMAND"
  }
}
