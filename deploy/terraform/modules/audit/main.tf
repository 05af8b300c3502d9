# The books of every hour: stream, claims, raw and tables against each other.
locals {
  arn = "arn:${var.common.partition}:lambda:${var.common.scope}:function:${var.name}-audit"
}

module "function" {
  source      = "../function"
  common      = var.common
  dead_arn    = var.dead_arn
  name        = "${var.name}-audit"
  description = "Holds the books of stream, raw and tables against each other"
  package     = var.package
  memory      = var.memory
  timeout     = 900
  environment = var.environment

  statements = [
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
      Resource = [for p in ["raw", "tables", "ledger", "config"] : "${var.bucket_arn}/${p}/*"]
    },
    {
      Sid      = "Missing" # so that a missing object is not called forbidden
      Effect   = "Allow"
      Action   = ["s3:ListBucket"]
      Resource = [var.bucket_arn]
    },
    {
      Sid      = "Tables"
      Effect   = "Allow"
      Action   = ["glue:GetTable", "glue:GetTables"]
      Resource = var.catalog_arns
    },
    {
      Sid      = "Count"
      Effect   = "Allow"
      Action   = ["kinesis:GetRecords", "kinesis:GetShardIterator", "kinesis:ListShards", "kinesis:DescribeStreamSummary"]
      Resource = [var.stream_arn]
    },
    {
      Sid      = "Again" # hands itself what does not fit into one call
      Effect   = "Allow"
      Action   = ["lambda:InvokeFunction"]
      Resource = [local.arn]
    },
  ]
}

# Lambda stops a function that has called itself about 16 times in a row. This one
# ends by itself: a call hands on only what is left of its hours, and lambda/audit
# refuses the two hundredth (maxCalls).
resource "aws_lambda_function_recursion_config" "this" {
  count          = var.common.emulated ? 0 : 1
  function_name  = module.function.name
  recursive_loop = "Allow"
}

resource "aws_cloudwatch_event_rule" "this" {
  name                = "${var.name}-audit"
  description         = "Starts ${var.name}-audit"
  schedule_expression = var.schedule
}

resource "aws_cloudwatch_event_target" "this" {
  rule  = aws_cloudwatch_event_rule.this.name
  arn   = module.function.arn
  input = jsonencode({})
}

resource "aws_lambda_permission" "schedule" {
  statement_id  = "schedule"
  action        = "lambda:InvokeFunction"
  function_name = module.function.name
  principal     = "events.amazonaws.com"
  source_arn    = aws_cloudwatch_event_rule.this.arn
}

# One line for each problem that was found.
resource "aws_cloudwatch_log_metric_filter" "gap" {
  name           = "${var.name}-gap"
  log_group_name = module.function.log_group
  pattern        = "{ $.msg = \"the books do not balance\" }"

  metric_transformation {
    name          = "${var.name}-gap"
    namespace     = "Eventlake/Errors"
    value         = "1"
    default_value = "0"
  }
}
