# Events out of raw again: to the stream, or into tables that are made anew. And
# what Lambda gave up or Firehose could not place is settled, as soon as it lies in
# the bucket.
locals {
  timeout = 900
  # Where Firehose leaves what it cannot place.
  misplaced = var.firehose_arn == "" ? [] : ["failed/firehose/"]
  arn       = "arn:${var.common.partition}:lambda:${var.common.scope}:function:${var.name}-replay"
}

module "queue" {
  count         = var.drains ? 1 : 0
  source        = "../queue"
  name          = "${var.name}-failed"
  partition     = var.common.partition
  scope         = var.common.scope
  key_arn       = var.common.key_arn
  bucket_arn    = var.bucket_arn
  emulated      = var.common.emulated
  works_seconds = local.timeout
  receives      = 10
}

module "function" {
  source      = "../function"
  common      = var.common
  dead_arn    = var.dead_arn
  name        = "${var.name}-replay"
  description = "Raw events to the stream or into new tables; batches that failed"
  package     = var.package
  memory      = var.memory
  timeout     = local.timeout
  environment = var.environment

  statements = concat(
    [
      {
        Sid      = "Publish"
        Effect   = "Allow"
        Action   = ["kinesis:PutRecords", "kinesis:ListShards"]
        Resource = [var.stream_arn]
      },
      {
        Sid      = "Ledger"
        Effect   = "Allow"
        Action   = ["dynamodb:GetItem", "dynamodb:Query"]
        Resource = [var.ledger_arn]
      },
      {
        Sid      = "Read"
        Effect   = "Allow"
        Action   = ["s3:GetObject"]
        Resource = ["${var.bucket_arn}/raw/*", "${var.bucket_arn}/ledger/*", "${var.bucket_arn}/config/*"]
      },
      {
        Sid      = "Rebuild"
        Effect   = "Allow"
        Action   = ["s3:GetObject", "s3:PutObject", "s3:AbortMultipartUpload", "s3:DeleteObject"]
        Resource = ["${var.bucket_arn}/tables/*"]
      },
      {
        Sid      = "List"
        Effect   = "Allow"
        Action   = ["s3:ListBucket"]
        Resource = [var.bucket_arn]
      },
      {
        Sid      = "Tables"
        Effect   = "Allow"
        Action   = ["glue:GetTable", "glue:GetTables", "glue:CreateTable", "glue:UpdateTable"]
        Resource = var.catalog_arns
      },
      {
        Sid      = "Again" # hands itself what does not fit into one call
        Effect   = "Allow"
        Action   = ["lambda:InvokeFunction"]
        Resource = [local.arn]
      },
    ],
    !var.drains ? [] : concat(
      [
        {
          Sid      = "Reread" # batches that were left without their payload
          Effect   = "Allow"
          Action   = ["kinesis:GetRecords", "kinesis:GetShardIterator", "kinesis:DescribeStreamSummary"]
          Resource = [var.stream_arn]
        },
        {
          Sid      = "Claim"
          Effect   = "Allow"
          Action   = ["dynamodb:PutItem"]
          Resource = [var.claims_arn]
        },
        {
          Sid      = "Receipt"
          Effect   = "Allow"
          Action   = ["dynamodb:PutItem"]
          Resource = [var.ledger_arn]
        },
        {
          Sid      = "Keep"
          Effect   = "Allow"
          Action   = ["s3:PutObject", "s3:AbortMultipartUpload", "s3:GetObject"]
          Resource = ["${var.bucket_arn}/raw/*", "${var.bucket_arn}/quarantine/*"]
        },
        {
          Sid      = "Drain"
          Effect   = "Allow"
          Action   = ["s3:GetObject", "s3:DeleteObject"]
          Resource = [for p in concat([var.given_up], local.misplaced) : "${var.bucket_arn}/${p}*"]
        },
        # The rest is done by Lambda's event source mapping, in this role's name.
        {
          Sid      = "Poll"
          Effect   = "Allow"
          Action   = ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"]
          Resource = [module.queue[0].arn]
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
    ),
  )
}

# Lambda stops a function that has called itself about 16 times in a row, four
# hours of a replay. This one ends by itself: a call hands on only what is left of
# its range, and lambda/replay refuses the thousandth (maxCalls).
resource "aws_lambda_function_recursion_config" "this" {
  count          = var.common.emulated ? 0 : 1
  function_name  = module.function.name
  recursive_loop = "Allow"
}

resource "aws_lambda_event_source_mapping" "this" {
  count                   = var.drains ? 1 : 0
  event_source_arn        = module.queue[0].arn
  function_name           = module.function.arn
  batch_size              = 10
  function_response_types = ["ReportBatchItemFailures"]

  scaling_config { maximum_concurrency = 2 }
}
