locals {
  catalog_arn = "arn:${var.partition}:glue:${var.scope}:catalog"
  databases   = { tables = var.database, raw = "${var.database}_raw" }
}

# The tables, which curate makes.
resource "aws_glue_catalog_database" "tables" {
  name        = local.databases.tables
  description = "Tables of the lake: Iceberg, one for each type of event"
}

# Raw. A database of its own: a crawler that thinks of the same name must not
# touch a table.
resource "aws_glue_catalog_database" "raw" {
  name        = local.databases.raw
  description = "Raw events as they lie in the bucket: JSON, by type, subtype and day"
}

# All of raw, for Athena, without a crawler: where the objects of a day lie follows
# from the question. Type and subtype have to be named in it (injected), which
# keeps it from listing everything. The lines have members event_type and
# event_subtype too; as columns they would clash with the partitions.
resource "aws_glue_catalog_table" "raw" {
  name          = "raw"
  database_name = aws_glue_catalog_database.raw.name
  description   = "Raw events; WHERE has to name event_type and event_subtype, and should name year"
  table_type    = "EXTERNAL_TABLE"

  parameters = merge(
    {
      EXTERNAL                    = "TRUE"
      classification              = "json"
      compressionType             = "gzip"
      "projection.enabled"        = "true"
      "storage.location.template" = "s3://${var.bucket}/raw/${join("/", [for p in local.projected : "${p.name}=$${${p.name}}"])}/"
    },
    merge([for p in local.projected : { for k, v in p.projection : "projection.${p.name}.${k}" => v }]...),
  )

  dynamic "partition_keys" {
    for_each = local.projected
    content {
      name = partition_keys.value.name
      type = partition_keys.value.type
    }
  }

  storage_descriptor {
    location      = "s3://${var.bucket}/raw/"
    input_format  = "org.apache.hadoop.mapred.TextInputFormat"
    output_format = "org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat"

    ser_de_info {
      serialization_library = "org.openx.data.jsonserde.JsonSerDe"
      # Members that differ only in case make a row of NULLs, not a failed query.
      parameters = { "ignore.malformed.json" = "true", "case.insensitive" = "true" }
    }

    # What the lake adds to every line, and what producers send who follow its
    # own form; all of it as text.
    dynamic "columns" {
      for_each = ["event_id", "created_datetime", "received_at", "source", "shard", "position", "event_uuid", "event_name", "created_at"]
      content {
        name = columns.value
        type = "string"
      }
    }
  }
}

locals {
  projected = [
    { name = "event_type", type = "string", projection = { type = "injected" } },
    { name = "event_subtype", type = "string", projection = { type = "injected" } },
    { name = "year", type = "int", projection = { type = "integer", range = "1970,2099", digits = "4" } },
    { name = "month", type = "int", projection = { type = "integer", range = "1,12", digits = "2" } },
    { name = "day", type = "int", projection = { type = "integer", range = "1,31", digits = "2" } },
  ]
}

resource "aws_glue_classifier" "events" {
  count = var.crawls && !var.emulated ? 1 : 0
  name  = "${var.name}-events"

  json_classifier { json_path = "$" } # one event a line
}

resource "aws_iam_role" "crawler" {
  count = var.crawls ? 1 : 0
  name  = "${var.name}-crawler"

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = "glue.amazonaws.com" }
      Action    = "sts:AssumeRole"
    }]
  })
}

resource "aws_iam_role_policy" "crawler" {
  count = var.crawls ? 1 : 0
  name  = "work"
  role  = aws_iam_role.crawler[0].id

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid      = "Read"
        Effect   = "Allow"
        Action   = ["s3:GetObject"]
        Resource = ["${var.bucket_arn}/raw/*"]
      },
      {
        Sid      = "List"
        Effect   = "Allow"
        Action   = ["s3:ListBucket", "s3:GetBucketLocation"]
        Resource = [var.bucket_arn]
      },
      # It deletes nothing: what is gone from the bucket is only logged (below).
      {
        Sid    = "Describe"
        Effect = "Allow"
        Action = [
          "glue:GetDatabase", "glue:GetTable", "glue:GetTables", "glue:CreateTable", "glue:UpdateTable",
          "glue:GetPartition", "glue:GetPartitions", "glue:BatchGetPartition", "glue:BatchCreatePartition",
          "glue:BatchUpdatePartition", "glue:CreatePartition", "glue:UpdatePartition",
        ]
        Resource = [
          local.catalog_arn,
          "arn:${var.partition}:glue:${var.scope}:database/${local.databases.raw}",
          "arn:${var.partition}:glue:${var.scope}:table/${local.databases.raw}/*",
        ]
      },
      {
        Sid      = "Crawl"
        Effect   = "Allow"
        Action   = ["glue:GetCrawler", "glue:GetClassifier"]
        Resource = ["*"] # Glue knows no finer ones for these
      },
      {
        Sid      = "Log"
        Effect   = "Allow"
        Action   = ["logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"]
        Resource = ["arn:${var.partition}:logs:${var.scope}:log-group:/aws-glue/crawlers*"]
      },
    ]
  })
}

resource "aws_iam_role_policy" "crawler_key" {
  count = var.crawls ? 1 : 0
  name  = "key"
  role  = aws_iam_role.crawler[0].id

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid      = "Key"
      Effect   = "Allow"
      Action   = ["kms:Decrypt"] # it writes no object
      Resource = [var.key_arn]
    }]
  })
}

resource "aws_glue_crawler" "raw" {
  count         = var.crawls ? 1 : 0
  name          = "${var.name}-raw"
  description   = "Finds types, subtypes, days and fields of raw events"
  database_name = aws_glue_catalog_database.raw.name
  role          = aws_iam_role.crawler[0].arn
  classifiers   = aws_glue_classifier.events[*].name
  schedule      = var.schedule

  # One object of each folder: raw grows for ever, and the objects of a folder are
  # alike. Crawling new folders only would be less, but then new types get no
  # table, and a crawl of a bucket that was empty would be the last to make any.
  s3_target {
    path        = "s3://${var.bucket}/raw/"
    sample_size = 1
  }

  recrawl_policy { recrawl_behavior = "CRAWL_EVERYTHING" }

  schema_change_policy {
    update_behavior = "UPDATE_IN_DATABASE"
    delete_behavior = "LOG"
  }

  # What is above the level is no partition: the bucket is level 1, raw/ is 2,
  # event_type= is 3, event_subtype= is 4. Without a level, types that look alike
  # become one table.
  configuration = jsonencode({
    Version       = 1.0
    CrawlerOutput = { Partitions = { AddOrUpdateBehavior = "InheritFromTable" } }
    Grouping      = { TableGroupingPolicy = "CombineCompatibleSchemas", TableLevelConfiguration = var.level }
  })

  depends_on = [aws_iam_role_policy.crawler, aws_iam_role_policy.crawler_key]
}

resource "aws_athena_workgroup" "this" {
  name          = var.name
  description   = "SQL over the lake ${var.name}"
  force_destroy = true
  tags          = { Part = "catalog" }

  configuration {
    enforce_workgroup_configuration    = true
    publish_cloudwatch_metrics_enabled = true
    bytes_scanned_cutoff_per_query     = var.scan_gb * 1000000000

    engine_version { selected_engine_version = "Athena engine version 3" }

    result_configuration {
      output_location = "s3://${var.bucket}/athena/"
      encryption_configuration {
        encryption_option = "SSE_KMS"
        kms_key_arn       = var.key_arn
      }
    }
  }
}

locals {
  # Questions to begin with. What is called account here is any type of yours.
  # event_id is a uuid, which not every engine shows or compares: as text it is
  # the same everywhere.
  queries = {
    "1 tables"      = "SHOW TABLES"
    "2 newest"      = "SELECT created_datetime, event_subtype, CAST(event_id AS varchar) AS event_id FROM account ORDER BY created_datetime DESC LIMIT 20"
    "3 by day"      = "SELECT date(created_datetime) AS day, event_subtype, count(*) AS events FROM account GROUP BY 1, 2 ORDER BY 1 DESC, 3 DESC"
    "4 twice"       = "SELECT CAST(event_id AS varchar) AS event_id, count(*) AS rows FROM account GROUP BY 1 HAVING count(*) > 1"
    "5 commits"     = "SELECT made_current_at, snapshot_id FROM \"account$history\" ORDER BY 1 DESC LIMIT 20"
    "6 small files" = "SELECT count(*) AS files, sum(file_size_in_bytes) / count(*) AS bytes FROM \"account$files\""
    "7 raw by day"  = "SELECT year, month, day, count(*) AS events FROM \"${local.databases.raw}\".\"raw\" WHERE event_type = 'account' AND event_subtype = 'opened' AND year = 2026 GROUP BY 1, 2, 3 ORDER BY 1, 2, 3"
  }
}

resource "aws_athena_named_query" "this" {
  for_each  = var.emulated ? {} : local.queries
  name      = each.key
  database  = aws_glue_catalog_database.tables.name
  workgroup = aws_athena_workgroup.this.id
  query     = each.value
}

# For people and programs that ask questions: nothing but reading, and only in
# this workgroup with its limit.
resource "aws_iam_policy" "reader" {
  name        = "${var.name}-reader"
  description = "SQL over the lake ${var.name}, nothing else"

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid    = "Ask"
        Effect = "Allow"
        Action = [
          "athena:GetWorkGroup", "athena:StartQueryExecution", "athena:StopQueryExecution", "athena:GetQueryExecution",
          "athena:GetQueryResults", "athena:ListQueryExecutions", "athena:ListNamedQueries", "athena:GetNamedQuery",
        ]
        Resource = ["arn:${var.partition}:athena:${var.scope}:workgroup/${var.name}"]
      },
      {
        Sid    = "Describe"
        Effect = "Allow"
        Action = ["glue:GetDatabase", "glue:GetDatabases", "glue:GetTable", "glue:GetTables", "glue:GetPartition", "glue:GetPartitions", "glue:BatchGetPartition"]
        Resource = concat([local.catalog_arn], flatten([for d in values(local.databases) : [
          "arn:${var.partition}:glue:${var.scope}:database/${d}", "arn:${var.partition}:glue:${var.scope}:table/${d}/*",
        ]]))
      },
      {
        Sid      = "Read"
        Effect   = "Allow"
        Action   = ["s3:GetObject"]
        Resource = ["${var.bucket_arn}/tables/*", "${var.bucket_arn}/raw/*"]
      },
      {
        Sid      = "Answer"
        Effect   = "Allow"
        Action   = ["s3:GetObject", "s3:PutObject", "s3:AbortMultipartUpload", "s3:ListMultipartUploadParts"]
        Resource = ["${var.bucket_arn}/athena/*"]
      },
      {
        Sid      = "Bucket"
        Effect   = "Allow"
        Action   = ["s3:ListBucket", "s3:GetBucketLocation"]
        Resource = [var.bucket_arn]
      },
      {
        Sid      = "Key"
        Effect   = "Allow"
        Action   = ["kms:Decrypt", "kms:GenerateDataKey"]
        Resource = [var.key_arn]
      },
    ]
  })
}
