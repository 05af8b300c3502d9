# A queue of notifications about objects of a bucket, and the queue beside it
# for what cannot be worked on.
resource "aws_sqs_queue" "this" {
  name                              = var.name
  kms_master_key_id                 = var.key_arn
  kms_data_key_reuse_period_seconds = 3600
  message_retention_seconds         = 14 * 24 * 3600
  visibility_timeout_seconds        = local.visibility_seconds
  policy                            = var.receives == 0 ? local.policy : null

  lifecycle { ignore_changes = [redrive_policy] } # that is set below
}

resource "aws_sqs_queue_redrive_policy" "this" {
  count     = var.receives == 0 ? 0 : 1
  queue_url = aws_sqs_queue.this.id

  redrive_policy = jsonencode({
    deadLetterTargetArn = aws_sqs_queue.dead[0].arn
    maxReceiveCount     = var.receives
  })
}

resource "aws_sqs_queue" "dead" {
  count                             = var.receives == 0 ? 0 : 1
  name                              = "${var.name}-dead"
  kms_master_key_id                 = var.key_arn
  kms_data_key_reuse_period_seconds = 3600
  message_retention_seconds         = 14 * 24 * 3600
}

resource "aws_sqs_queue_redrive_allow_policy" "dead" {
  count     = var.receives == 0 || var.emulated ? 0 : 1
  queue_url = aws_sqs_queue.dead[0].id

  redrive_allow_policy = jsonencode({
    redrivePermission = "byQueue"
    sourceQueueArns   = [aws_sqs_queue.this.arn]
  })
}

# Where there is a redrive policy, this one comes after it: not both at once.
resource "aws_sqs_queue_policy" "this" {
  count      = var.receives == 0 ? 0 : 1
  queue_url  = aws_sqs_queue.this.id
  policy     = local.policy
  depends_on = [aws_sqs_queue_redrive_policy.this]
}

# The queue beside takes only what this one sets aside, which needs no permission.
resource "aws_sqs_queue_policy" "dead" {
  count     = var.receives == 0 ? 0 : 1
  queue_url = aws_sqs_queue.dead[0].id

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "OnlyTLS"
      Effect    = "Deny"
      Principal = "*"
      Action    = "sqs:*"
      Resource  = "${local.arn}-dead"
      Condition = { Bool = { "aws:SecureTransport" = "false" } }
    }]
  })
}

locals {
  arn = "arn:${var.partition}:sqs:${var.scope}:${var.name}"

  # A message has to be hidden while it waits for others, while the function
  # works, and a little longer. Not six times the function's time, by which AWS
  # gives refused calls room: no concurrency is reserved that could refuse them,
  # and a message whose call failed waits as long as this.
  visibility_seconds = var.works_seconds == 0 ? 30 : var.works_seconds + var.window_seconds + 60

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat(
      [{
        Sid       = "OnlyTLS"
        Effect    = "Deny"
        Principal = "*"
        Action    = "sqs:*"
        Resource  = local.arn
        Condition = { Bool = { "aws:SecureTransport" = "false" } }
      }],
      var.bucket_arn == "" ? [] : [{
        Sid       = "Notifications"
        Effect    = "Allow"
        Principal = { Service = "s3.amazonaws.com" }
        Action    = "sqs:SendMessage"
        Resource  = local.arn
        Condition = {
          ArnEquals    = { "aws:SourceArn" = var.bucket_arn }
          StringEquals = { "aws:SourceAccount" = split(":", var.scope)[1] }
        }
      }],
    )
  })
}
