# Firehose gathers events for some minutes and writes them as gzip files, one a
# partition. It is fed by lambda-ingest, or, without a transform, by the stream.
locals {
  log = "/aws/kinesisfirehose/${var.name}"

  # From here to the end of this block the text is that of package
  # aws/firehose, which a test holds.
  lines_query = "{event_type:.event_type,event_subtype:.event_subtype,year:.created_datetime[0:4],month:.created_datetime[5:7],day:.created_datetime[8:10]}"
  prefix      = "raw/event_type=!{partitionKeyFromQuery:event_type}/event_subtype=!{partitionKeyFromQuery:event_subtype}/year=!{partitionKeyFromQuery:year}/month=!{partitionKeyFromQuery:month}/day=!{partitionKeyFromQuery:day}/"
  errors      = "failed/firehose/!{firehose:error-output-type}/year=!{timestamp:yyyy}/month=!{timestamp:MM}/day=!{timestamp:dd}/"
  extension   = ".ndjson.gz"

  # Events as producers send them: the names are made safe for a path, the time
  # may be text or a number in s, ms, us or ns. What does not begin with a date,
  # or has no time, is filed under the first day of 1970: the time becomes a part
  # of the key, and anything else could be a path or a partition of its own.
  event_query = join("", [
    "{event_type:(.event_name|tostring|split(\":\")|(.[0]//\"\")|ascii_downcase|gsub(\"[^a-z0-9_]\";\"_\")|.[0:64]|if .==\"\" then \"other\" else . end),",
    "event_subtype:(.event_name|tostring|split(\":\")|(.[1]//\"none\")|ascii_downcase|gsub(\"[^a-z0-9_]\";\"_\")|.[0:64]|if .==\"\" then \"none\" else . end)}+",
    "(.created_at|(if type==\"number\" then (if .>1e17 then ./1e9 elif .>1e14 then ./1e6 elif .>1e11 then ./1e3 else . end|floor|if .<0 or .>253402300799 then \"\" else todate end) else tostring end)",
    "|if test(\"^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])([Tt ]|$)\") then . else \"1970-01-01\" end",
    "|{year:.[0:4],month:.[5:7],day:.[8:10]})",
  ])
}

resource "aws_iam_role" "this" {
  name = "${var.name}-delivery"

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = "firehose.amazonaws.com" }
      Action    = "sts:AssumeRole"
      Condition = { StringEquals = { "sts:ExternalId" = split(":", var.scope)[1] } }
    }]
  })
}

resource "aws_iam_role_policy" "work" {
  name = "work"
  role = aws_iam_role.this.id

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat(
      [
        {
          Sid      = "Write"
          Effect   = "Allow"
          Action   = ["s3:PutObject", "s3:AbortMultipartUpload", "s3:GetObject"]
          Resource = ["${var.bucket_arn}/raw/*", "${var.bucket_arn}/failed/firehose/*"]
        },
        {
          Sid      = "Bucket"
          Effect   = "Allow"
          Action   = ["s3:GetBucketLocation", "s3:ListBucket", "s3:ListBucketMultipartUploads"]
          Resource = [var.bucket_arn]
        },
        {
          Sid      = "Log"
          Effect   = "Allow"
          Action   = ["logs:PutLogEvents"]
          Resource = ["arn:${var.partition}:logs:${var.scope}:log-group:${local.log}:*"]
        },
      ],
      var.stream_arn == "" ? [] : [
        {
          Sid      = "Read"
          Effect   = "Allow"
          Action   = ["kinesis:DescribeStream", "kinesis:GetShardIterator", "kinesis:GetRecords", "kinesis:ListShards"]
          Resource = [var.stream_arn]
        },
      ],
    )
  })
}

resource "aws_iam_role_policy" "key" {
  name = "key"
  role = aws_iam_role.this.id

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid      = "Key"
      Effect   = "Allow"
      Action   = ["kms:Decrypt", "kms:GenerateDataKey"]
      Resource = [var.key_arn]
    }]
  })
}

resource "aws_cloudwatch_log_group" "this" {
  name              = local.log
  retention_in_days = var.log_days
  kms_key_id        = var.key_arn
}

resource "aws_cloudwatch_log_stream" "this" {
  name           = "s3"
  log_group_name = aws_cloudwatch_log_group.this.name
}

resource "aws_kinesis_firehose_delivery_stream" "this" {
  name        = var.name
  destination = "extended_s3"

  dynamic "kinesis_source_configuration" {
    for_each = var.stream_arn == "" ? [] : [var.stream_arn]
    content {
      kinesis_stream_arn = kinesis_source_configuration.value
      role_arn           = aws_iam_role.this.arn
    }
  }

  # What comes from a stream is encrypted by the stream.
  dynamic "server_side_encryption" {
    for_each = var.stream_arn == "" ? [true] : []
    content {
      enabled  = true
      key_type = "CUSTOMER_MANAGED_CMK"
      key_arn  = var.key_arn
    }
  }

  extended_s3_configuration {
    role_arn            = aws_iam_role.this.arn
    bucket_arn          = var.bucket_arn
    prefix              = local.prefix
    error_output_prefix = local.errors
    file_extension      = local.extension
    compression_format  = "GZIP"
    kms_key_arn         = var.key_arn
    buffering_size      = 128
    buffering_interval  = var.seconds

    dynamic_partitioning_configuration {
      enabled        = true
      retry_duration = 300
    }

    processing_configuration {
      enabled = true

      processors {
        type = "RecordDeAggregation"
        parameters {
          parameter_name  = "SubRecordType"
          parameter_value = "JSON"
        }
      }

      processors {
        type = "MetadataExtraction"
        parameters {
          parameter_name  = "JsonParsingEngine"
          parameter_value = "JQ-1.6"
        }
        parameters {
          parameter_name  = "MetadataExtractionQuery"
          parameter_value = var.stream_arn == "" ? local.lines_query : local.event_query
        }
      }

      processors {
        type = "AppendDelimiterToRecord"
        parameters {
          parameter_name  = "Delimiter"
          parameter_value = "\\n"
        }
      }
    }

    cloudwatch_logging_options {
      enabled         = true
      log_group_name  = aws_cloudwatch_log_group.this.name
      log_stream_name = aws_cloudwatch_log_stream.this.name
    }
  }

  depends_on = [aws_iam_role_policy.work, aws_iam_role_policy.key]
}
