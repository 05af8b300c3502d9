# Raw objects become rows: told by the bucket's notifications, and by a schedule
# that also finds what was not told, compacts, and lets old snapshots go.
locals {
  timeout = 900
}

module "queue" {
  count          = var.told ? 1 : 0
  source         = "../queue"
  name           = "${var.name}-curate"
  partition      = var.common.partition
  scope          = var.common.scope
  key_arn        = var.common.key_arn
  bucket_arn     = var.bucket_arn
  emulated       = var.common.emulated
  works_seconds  = local.timeout
  window_seconds = var.window_seconds
  # Of two calls that commit to one table at a time one begins anew; that is no
  # failure of its messages.
  receives = 20
}

module "function" {
  source      = "../function"
  common      = var.common
  dead_arn    = var.dead_arn
  name        = "${var.name}-curate"
  description = "Raw objects become rows of tables"
  package     = var.package
  memory      = var.memory
  disk        = var.disk
  timeout     = local.timeout
  # Where a queue calls, its mapping says how many work at a time: a reserved
  # concurrency below that would refuse calls, whose messages then wait hidden.
  # Calls by a schedule are queued by Lambda itself, for an hour.
  reserved    = var.alone && !var.told ? 1 : -1
  environment = merge(var.environment, { LAKE_AWS_QUEUE = var.told ? module.queue[0].url : "" })

  statements = concat(
    [
      {
        Sid      = "Ledger"
        Effect   = "Allow"
        Action   = ["dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:Query", "dynamodb:BatchWriteItem"]
        Resource = [var.ledger_arn]
      },
      {
        Sid      = "Read"
        Effect   = "Allow"
        Action   = ["s3:GetObject"]
        Resource = ["${var.bucket_arn}/raw/*", "${var.bucket_arn}/config/*"]
      },
      {
        Sid      = "Write"
        Effect   = "Allow"
        Action   = ["s3:GetObject", "s3:PutObject", "s3:AbortMultipartUpload", "s3:DeleteObject"]
        Resource = ["${var.bucket_arn}/tables/*", "${var.bucket_arn}/ledger/*"]
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
    ],
    # Where workers commit what they write: files that they never did.
    var.told ? [] : [
      {
        Sid      = "Leftovers"
        Effect   = "Allow"
        Action   = ["s3:DeleteObject"]
        Resource = ["${var.bucket_arn}/raw/*"]
      },
    ],
    # The rest is done by Lambda's event source mapping, in this role's name.
    !var.told ? [] : [
      {
        Sid      = "Poll"
        Effect   = "Allow"
        Action   = ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"]
        Resource = [module.queue[0].arn]
      },
    ],
  )
}

resource "aws_lambda_event_source_mapping" "this" {
  count                              = var.told ? 1 : 0
  event_source_arn                   = module.queue[0].arn
  function_name                      = module.function.arn
  batch_size                         = 1000
  maximum_batching_window_in_seconds = var.window_seconds
  function_response_types            = ["ReportBatchItemFailures"]

  scaling_config { maximum_concurrency = 2 } # the least there is; tables are committed to by compare-and-set
}

resource "aws_cloudwatch_event_rule" "this" {
  for_each            = var.schedules
  name                = "${var.name}-${each.key}"
  description         = "Starts ${var.name}-curate: ${each.key}"
  schedule_expression = each.value
}

resource "aws_cloudwatch_event_target" "this" {
  for_each = var.schedules
  rule     = aws_cloudwatch_event_rule.this[each.key].name
  arn      = module.function.arn
  input    = jsonencode({ task = each.key })
}

resource "aws_lambda_permission" "schedule" {
  for_each      = var.schedules
  statement_id  = each.key
  action        = "lambda:InvokeFunction"
  function_name = module.function.name
  principal     = "events.amazonaws.com"
  source_arn    = aws_cloudwatch_event_rule.this[each.key].arn
}
