module "function" {
  source      = "../function"
  common      = var.common
  dead_arn    = var.dead_arn
  name        = "${var.name}-ingest"
  description = "Records of the stream become raw events, each once"
  package     = var.package
  memory      = var.memory
  timeout     = 60
  environment = var.environment

  statements = concat(
    [
      {
        Sid      = "Claim"
        Effect   = "Allow"
        Action   = ["dynamodb:PutItem"]
        Resource = [var.claims_arn]
      },
      {
        Sid      = "Receipt" # and the list of names
        Effect   = "Allow"
        Action   = ["dynamodb:GetItem", "dynamodb:PutItem"]
        Resource = [var.ledger_arn]
      },
      {
        Sid      = "Keep" # what Firehose does not place, and quarantine
        Effect   = "Allow"
        Action   = ["s3:PutObject", "s3:AbortMultipartUpload", "s3:GetObject"]
        Resource = ["${var.bucket_arn}/raw/*", "${var.bucket_arn}/quarantine/*"]
      },
      {
        Sid      = "Configuration"
        Effect   = "Allow"
        Action   = ["s3:GetObject"]
        Resource = ["${var.bucket_arn}/config/*"]
      },
      {
        Sid      = "Missing" # so that a missing object is not called forbidden
        Effect   = "Allow"
        Action   = ["s3:ListBucket"]
        Resource = [var.bucket_arn]
      },
      # The rest is done by Lambda's event source mapping, in this role's name.
      {
        Sid    = "Poll"
        Effect = "Allow"
        Action = [
          "kinesis:DescribeStream", "kinesis:DescribeStreamSummary", "kinesis:GetRecords", "kinesis:GetShardIterator",
          "kinesis:ListShards",
        ]
        Resource = [var.stream_arn]
      },
      {
        Sid      = "GiveUp"
        Effect   = "Allow"
        Action   = ["s3:PutObject"]
        Resource = ["${var.bucket_arn}/${var.given_up}*"]
      },
    ],
    var.firehose_arn == "" ? [] : [
      {
        Sid      = "Deliver"
        Effect   = "Allow"
        Action   = ["firehose:PutRecordBatch"]
        Resource = [var.firehose_arn]
      },
    ],
  )
}

resource "aws_lambda_event_source_mapping" "this" {
  event_source_arn                   = var.stream_arn
  function_name                      = module.function.arn
  starting_position                  = "TRIM_HORIZON"
  batch_size                         = 10000
  maximum_batching_window_in_seconds = var.window_seconds
  parallelization_factor             = 1 # receipts name spans of a shard: two batches of one shard must not interleave
  maximum_record_age_in_seconds      = var.record_age_seconds
  maximum_retry_attempts             = -1 # until the age: a throttled table gets better
  bisect_batch_on_function_error     = true
  function_response_types            = ["ReportBatchItemFailures"]

  destination_config {
    on_failure { destination_arn = var.bucket_arn }
  }
}
