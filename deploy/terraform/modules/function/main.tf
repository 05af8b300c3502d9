# A Lambda of the lake: its role, which may do what var.statements say and write
# its own log, the log, and what becomes of calls that nobody waits for.
locals {
  log     = "/aws/lambda/${var.name}"
  log_arn = "arn:${var.common.partition}:logs:${var.common.scope}:log-group:${local.log}"
}

resource "aws_iam_role" "this" {
  name = var.name

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = "lambda.amazonaws.com" }
      Action    = "sts:AssumeRole"
    }]
  })
}

resource "aws_iam_role_policy" "work" {
  name = "work"
  role = aws_iam_role.this.id

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat(var.statements, [
      {
        Sid      = "Log"
        Effect   = "Allow"
        Action   = ["logs:CreateLogStream", "logs:PutLogEvents"]
        Resource = ["${local.log_arn}:*"]
      },
      {
        Sid      = "Dead"
        Effect   = "Allow"
        Action   = ["sqs:SendMessage"]
        Resource = [var.dead_arn]
      },
    ])
  })
}

# Apart from the rest: a key's ARN is known only when it is made, and the rest of
# the policies is to be read in the plan.
resource "aws_iam_role_policy" "key" {
  name = "key"
  role = aws_iam_role.this.id

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid      = "Key"
      Effect   = "Allow"
      Action   = ["kms:Decrypt", "kms:GenerateDataKey"]
      Resource = [var.common.key_arn]
    }]
  })
}

resource "aws_cloudwatch_log_group" "this" {
  name              = local.log
  retention_in_days = var.common.log_days
  kms_key_id        = var.common.key_arn
}

# The Lambdas write JSON; what a person should look at has the level ERROR.
resource "aws_cloudwatch_log_metric_filter" "errors" {
  name           = "${var.name}-errors"
  log_group_name = aws_cloudwatch_log_group.this.name
  pattern        = "{ $.level = \"ERROR\" }"

  metric_transformation {
    name          = var.name
    namespace     = "Eventlake/Errors"
    value         = "1"
    default_value = "0"
  }
}

resource "aws_lambda_function" "this" {
  function_name                  = var.name
  description                    = var.description
  role                           = aws_iam_role.this.arn
  runtime                        = "provided.al2023"
  handler                        = "bootstrap"
  architectures                  = [var.common.architecture]
  filename                       = var.package
  source_code_hash               = filebase64sha256(var.package)
  memory_size                    = var.memory
  timeout                        = var.timeout
  reserved_concurrent_executions = var.reserved
  kms_key_arn                    = var.common.emulated ? null : var.common.key_arn

  ephemeral_storage { size = var.disk }

  environment {
    # The collector of garbage has to begin before Lambda ends the process.
    variables = merge({ GOMEMLIMIT = "${floor(var.memory * 0.85)}MiB" }, var.environment)
  }

  # A function that starts before it may log makes a log group of its own.
  depends_on = [aws_cloudwatch_log_group.this, aws_iam_role_policy.work, aws_iam_role_policy.key]
}

# Calls by a schedule, or by the function itself, wait for no answer.
resource "aws_lambda_function_event_invoke_config" "this" {
  function_name                = aws_lambda_function.this.function_name
  maximum_event_age_in_seconds = var.patience_seconds
  maximum_retry_attempts       = 2

  destination_config {
    on_failure { destination = var.dead_arn }
  }
}
