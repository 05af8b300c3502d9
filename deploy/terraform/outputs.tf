output "url" {
  description = "Where events are posted to: URL/v1/events. Empty without a front."
  value       = var.front == "none" ? "" : module.collect[0].url
}

output "environment" {
  description = "What the Lambdas and workers read; with it, lake on any machine works on this lake."
  value       = local.environment
}

output "functions" {
  description = "Name of each Lambda, by its part."
  value = merge(
    { for m in module.collect : "collect" => m.function },
    { for m in module.ingest : "ingest" => m.function },
    { for m in module.curate : "curate" => m.function },
    { for m in module.replay : "replay" => m.function },
    { for m in module.audit : "audit" => m.function },
  )
}

output "bucket" {
  description = "Name of the bucket."
  value       = module.bucket.name
}

output "stream" {
  description = "Name of the stream."
  value       = module.stream.name
}

output "database" {
  description = "Name of the database of the tables."
  value       = module.catalog.database
}

output "raw_database" {
  description = "Name of the database of raw: the table raw, and what the crawler finds."
  value       = module.catalog.raw_database
}

output "workgroup" {
  description = "Name of the workgroup of Athena."
  value       = module.catalog.workgroup
}

output "reader_policy" {
  description = "ARN of the policy to attach to those who ask questions."
  value       = module.catalog.reader_policy
}

output "producer_policy" {
  description = "Text of the policy that those need who write to the stream themselves."
  value = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid      = "Write"
        Effect   = "Allow"
        Action   = ["kinesis:PutRecord", "kinesis:PutRecords", "kinesis:ListShards", "kinesis:DescribeStreamSummary"]
        Resource = [module.stream.arn]
      },
      {
        Sid      = "Encrypt"
        Effect   = "Allow"
        Action   = ["kms:GenerateDataKey"]
        Resource = [module.key.arn]
      },
    ]
  })
}

output "queues" {
  description = "URL of each queue of notifications, by the function that reads it."
  value = merge(
    { for m in module.curate : "curate" => m.queue_url if local.ingests },
    { for m in module.replay : "replay" => m.queue_url if local.ingests },
  )
}

output "alarms" {
  description = "ARN of the topic that alarms go to."
  value       = module.monitoring.topic
}

output "dashboard" {
  description = "Name of the dashboard."
  value       = module.monitoring.dashboard
}
