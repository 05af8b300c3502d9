data "aws_caller_identity" "this" {}

data "aws_partition" "this" {}

locals {
  name      = "${var.name}-${var.environment}"
  account   = data.aws_caller_identity.this.account_id
  partition = data.aws_partition.this.partition
  # ARNs are made of names, so that a plan shows every policy in full.
  scope = "${var.region}:${local.account}"

  tags = merge(var.tags, { Lake = local.name, Environment = var.environment })

  # What a size and a transform mean.
  transforms = var.transform == "lambda"
  workers    = local.transforms && var.size == "large"
  ingests    = local.transforms && !local.workers
  claims     = local.ingests
  delivers   = !local.transforms || var.size == "standard"
  crawls     = !local.transforms || var.size == "standard"

  # A stream on demand grows by itself; 16 shards take 16 MB a second. Firehose
  # counts the partitions of all who put into it, so each process gets a share.
  delivering = (local.shards == 0 ? 16 : local.shards) + 2
  partitions = max(1, floor(var.delivery_partitions / local.delivering))

  # What the sizes give each part, in MB.
  shards = var.shards != null ? var.shards : { small = 1, standard = 2, large = 204 }[var.size]
  memory = {
    small    = { collect = 256, ingest = 256, curate = 1024, replay = 1024, audit = 1024 }
    standard = { collect = 512, ingest = 512, curate = 3008, replay = 2048, audit = 3008 }
    large    = { collect = 1024, ingest = 512, curate = 10240, replay = 10240, audit = 10240 }
  }[var.size]

  bucket_name   = "${local.name}-${local.account}-${var.region}"
  bucket_arn    = "arn:${local.partition}:s3:::${local.bucket_name}"
  database_name = replace(local.name, "-", "_")
  # Lambda chooses the keys under which it leaves batches itself; this is how
  # they begin.
  given_up = "aws/lambda/"

  zip = { for f in ["collect", "ingest", "curate", "replay", "audit"] :
  f => "${var.packages}/lambda-${f}-${ { arm64 = "arm64", x86_64 = "amd64" }[var.architecture]}.zip" }

  # What every Lambda and worker reads; the keys of config/aws.go.
  environment = merge(
    {
      LAKE_AWS_ENVIRONMENT   = var.environment
      LAKE_AWS_STREAM        = module.stream.name
      LAKE_AWS_BUCKET        = local.bucket_name
      LAKE_AWS_KMS_KEY       = module.key.arn
      LAKE_AWS_CLAIMS        = local.transforms ? module.claims[0].claims_name : ""
      LAKE_AWS_LEDGER        = local.transforms ? module.claims[0].ledger_name : ""
      LAKE_AWS_LEASES        = local.transforms ? module.claims[0].leases_name : ""
      LAKE_AWS_FIREHOSE      = local.ingests && local.delivers ? local.name : ""
      LAKE_AWS_GLUE_DATABASE = module.catalog.database
      LAKE_AWS_FAILED        = local.given_up
      LAKE_CLAIMS_TTL        = "${var.claims_days * 24}h"
      LAKE_STREAM_RETENTION  = "${var.retention_hours}h"
    },
    local.ingests && local.delivers ? { LAKE_AWS_FIREHOSE_PARTITIONS = tostring(local.partitions) } : {},
    var.config_file == "" ? {} : { LAKE_CONFIG = "s3://${local.bucket_name}/config/lake.yaml" },
    var.settings,
  )

  # The same for every function.
  function = {
    partition    = local.partition
    scope        = local.scope
    architecture = var.architecture
    key_arn      = module.key.arn
    log_days     = var.log_days
    emulated     = var.emulated
  }
}
