resource "aws_s3_bucket" "this" {
  bucket        = var.name
  force_destroy = !var.protect
}

resource "aws_s3_bucket_ownership_controls" "this" {
  bucket = aws_s3_bucket.this.id
  rule { object_ownership = "BucketOwnerEnforced" }
}

resource "aws_s3_bucket_public_access_block" "this" {
  bucket                  = aws_s3_bucket.this.id
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_versioning" "this" {
  bucket = aws_s3_bucket.this.id
  versioning_configuration { status = "Enabled" }
}

resource "aws_s3_bucket_server_side_encryption_configuration" "this" {
  bucket = aws_s3_bucket.this.id
  rule {
    bucket_key_enabled = true # one request to KMS for many objects
    apply_server_side_encryption_by_default {
      sse_algorithm     = "aws:kms"
      kms_master_key_id = var.key_arn
    }
  }
}

resource "aws_s3_bucket_policy" "this" {
  count  = var.emulated ? 0 : 1
  bucket = aws_s3_bucket.this.id
  # A policy that is being written while access is blocked fails now and then.
  depends_on = [aws_s3_bucket_public_access_block.this]

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid       = "OnlyTLS"
        Effect    = "Deny"
        Principal = "*"
        Action    = "s3:*"
        Resource  = [local.arn, "${local.arn}/*"]
        Condition = { Bool = { "aws:SecureTransport" = "false" } }
      },
      {
        Sid       = "OnlyTLS12"
        Effect    = "Deny"
        Principal = "*"
        Action    = "s3:*"
        Resource  = [local.arn, "${local.arn}/*"]
        Condition = { NumericLessThan = { "s3:TlsVersion" = "1.2" } }
      },
      {
        Sid       = "OnlyThisKey"
        Effect    = "Deny"
        Principal = "*"
        Action    = "s3:PutObject"
        Resource  = "${local.arn}/*"
        # Who names a key has to name this one; who names none gets it.
        Condition = {
          StringNotEquals = { "s3:x-amz-server-side-encryption-aws-kms-key-id" = var.key_arn }
          Null            = { "s3:x-amz-server-side-encryption-aws-kms-key-id" = "false" }
        }
      },
      {
        Sid       = "OnlyKMS"
        Effect    = "Deny"
        Principal = "*"
        Action    = "s3:PutObject"
        Resource  = "${local.arn}/*"
        # AES256, by a key of S3's own, names no key at all.
        Condition = {
          StringNotEquals = { "s3:x-amz-server-side-encryption" = "aws:kms" }
          Null            = { "s3:x-amz-server-side-encryption" = "false" }
        }
      },
      {
        Sid       = "NoKeyOfS3"
        Effect    = "Deny"
        Principal = "*"
        Action    = "s3:PutObject"
        Resource  = "${local.arn}/*"
        # aws:kms without a key is not the bucket's key, but one that S3 manages.
        Condition = {
          StringEquals = { "s3:x-amz-server-side-encryption" = "aws:kms" }
          Null         = { "s3:x-amz-server-side-encryption-aws-kms-key-id" = "true" }
        }
      },
      {
        Sid       = "NoKeyOfTheCaller"
        Effect    = "Deny"
        Principal = "*"
        Action    = "s3:PutObject"
        Resource  = "${local.arn}/*"
        Condition = { Null = { "s3:x-amz-server-side-encryption-customer-algorithm" = "false" } }
      },
    ]
  })
}

resource "aws_s3_bucket_lifecycle_configuration" "this" {
  bucket = aws_s3_bucket.this.id
  # Versions first: what ends here are versions, not only objects.
  depends_on                             = [aws_s3_bucket_versioning.this]
  transition_default_minimum_object_size = "all_storage_classes_128K"

  rule {
    id     = "everything"
    status = "Enabled"
    filter {}
    abort_incomplete_multipart_upload { days_after_initiation = 2 }
    noncurrent_version_expiration { noncurrent_days = var.noncurrent_days }
    expiration { expired_object_delete_marker = true }
  }

  dynamic "rule" {
    for_each = toset(["raw/", "quarantine/"])
    content {
      id     = trimsuffix(rule.value, "/")
      status = "Enabled"
      filter { prefix = rule.value }
      transition {
        days          = var.days.standard_ia
        storage_class = "STANDARD_IA"
      }
      transition {
        days          = var.days.glacier_ir
        storage_class = "GLACIER_IR"
      }
      dynamic "expiration" {
        for_each = var.days.expire > 0 ? [var.days.expire] : []
        content { days = expiration.value }
      }
    }
  }

  rule {
    id     = "answers"
    status = "Enabled"
    filter { prefix = "athena/" }
    expiration { days = 14 }
  }
}

resource "aws_s3_bucket_notification" "this" {
  count  = length(var.notifications) > 0 ? 1 : 0
  bucket = aws_s3_bucket.this.id

  dynamic "queue" {
    for_each = var.notifications
    content {
      id            = replace(trimsuffix(queue.key, "/"), "/", "-")
      queue_arn     = queue.value
      events        = ["s3:ObjectCreated:*"]
      filter_prefix = queue.key
    }
  }
}

resource "aws_s3_object" "config" {
  count       = var.config_file == "" ? 0 : 1
  bucket      = aws_s3_bucket.this.id
  key         = "config/lake.yaml"
  source      = var.config_file
  source_hash = filemd5(var.config_file)
}

locals {
  arn = "arn:${var.partition}:s3:::${var.name}"
}
