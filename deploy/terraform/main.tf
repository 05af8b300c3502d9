# A lake on AWS, in the order of an event's way.

module "key" {
  source    = "./modules/key"
  name      = local.name
  partition = local.partition
  region    = var.region
  account   = local.account
}

module "collect" {
  count       = var.front == "none" ? 0 : 1
  source      = "./modules/collect"
  name        = local.name
  common      = local.function
  dead_arn    = module.dead.arn
  package     = local.zip.collect
  memory      = local.memory.collect
  environment = local.environment
  front       = var.front
  rate        = var.front_rate
  stream_arn  = module.stream.arn
  bucket_arn  = module.bucket.arn
}

module "stream" {
  source          = "./modules/stream"
  name            = local.name
  partition       = local.partition
  scope           = local.scope
  shards          = local.shards
  retention_hours = var.retention_hours
  key_arn         = module.key.arn
}

module "claims" {
  count     = local.transforms ? 1 : 0
  source    = "./modules/claims"
  name      = local.name
  partition = local.partition
  scope     = local.scope
  key_arn   = module.key.arn
  claims    = local.claims
  leases    = local.workers
  protect   = var.protect
}

module "ingest" {
  count              = local.ingests ? 1 : 0
  source             = "./modules/ingest"
  name               = local.name
  common             = local.function
  dead_arn           = module.dead.arn
  package            = local.zip.ingest
  memory             = local.memory.ingest
  environment        = local.environment
  stream_arn         = module.stream.arn
  claims_arn         = module.claims[0].arn["claims"]
  ledger_arn         = module.claims[0].arn["ledger"]
  bucket_arn         = module.bucket.arn
  firehose_arn       = local.delivers ? module.delivery[0].arn : ""
  given_up           = local.given_up
  record_age_seconds = var.record_age_hours * 3600
  # Without Firehose each batch becomes files: wait for as many events as there are.
  window_seconds = var.size == "small" ? 60 : 5
}

module "worker" {
  count        = local.workers ? 1 : 0
  source       = "./modules/worker"
  name         = local.name
  partition    = local.partition
  scope        = local.scope
  architecture = var.architecture
  key_arn      = module.key.arn
  log_days     = var.log_days
  image        = var.worker.image
  number       = var.worker.count
  cpu          = var.worker.cpu
  memory       = var.worker.memory
  network      = var.network
  environment  = local.environment
  stream_arn   = module.stream.arn
  leases_arn   = module.claims[0].arn["leases"]
  ledger_arn   = module.claims[0].arn["ledger"]
  bucket_arn   = module.bucket.arn
}

module "delivery" {
  count      = local.delivers ? 1 : 0
  source     = "./modules/delivery"
  name       = local.name
  partition  = local.partition
  scope      = local.scope
  key_arn    = module.key.arn
  bucket_arn = module.bucket.arn
  stream_arn = local.transforms ? "" : module.stream.arn
  seconds    = var.delivery_seconds
  log_days   = var.log_days
}

module "bucket" {
  source      = "./modules/bucket"
  name        = local.bucket_name
  partition   = local.partition
  key_arn     = module.key.arn
  days        = var.raw_days
  config_file = var.config_file
  protect     = var.protect
  emulated    = var.emulated

  notifications = merge(
    local.ingests ? {
      "raw/"           = module.curate[0].queue_arn
      "quarantine/"    = module.curate[0].queue_arn
      (local.given_up) = module.replay[0].queue_arn
    } : {},
    local.delivers ? { "failed/firehose/" = local.ingests ? module.replay[0].queue_arn : module.undelivered[0].arn } : {},
  )
}

module "curate" {
  count          = local.transforms ? 1 : 0
  source         = "./modules/curate"
  name           = local.name
  common         = local.function
  dead_arn       = module.dead.arn
  package        = local.zip.curate
  memory         = local.memory.curate
  alone          = var.curate_alone
  environment    = merge(local.environment, { LAKE_CURATE_MEMORY = "${floor(local.memory.curate / 3)}MiB" })
  told           = local.ingests
  window_seconds = var.size == "small" ? 300 : 60
  ledger_arn     = module.claims[0].arn["ledger"]
  bucket_arn     = local.bucket_arn
  catalog_arns   = module.catalog.arns
  schedules = merge(
    { upkeep = "rate(1 hour)" },
    local.workers ? { curate = "rate(2 minutes)" } : {},
  )
}

module "catalog" {
  source     = "./modules/catalog"
  name       = local.name
  partition  = local.partition
  scope      = local.scope
  key_arn    = module.key.arn
  database   = local.database_name
  bucket     = module.bucket.name
  bucket_arn = module.bucket.arn
  crawls     = local.crawls
  # Lines of the lake have members event_type and event_subtype: a table of which
  # the subtype is a partition would have that column twice, which Athena refuses.
  level    = local.transforms ? 4 : 3
  schedule = var.crawler_schedule
  scan_gb  = var.athena_scan_gb
  emulated = var.emulated
}

module "replay" {
  count        = local.transforms ? 1 : 0
  source       = "./modules/replay"
  name         = local.name
  common       = local.function
  dead_arn     = module.dead.arn
  package      = local.zip.replay
  memory       = local.memory.replay
  environment  = merge(local.environment, { LAKE_CURATE_MEMORY = "${floor(local.memory.replay / 3)}MiB" })
  drains       = local.ingests
  stream_arn   = module.stream.arn
  claims_arn   = local.claims ? module.claims[0].arn["claims"] : ""
  ledger_arn   = module.claims[0].arn["ledger"]
  bucket_arn   = local.bucket_arn
  firehose_arn = local.ingests && local.delivers ? module.delivery[0].arn : ""
  catalog_arns = module.catalog.arns
  given_up     = local.given_up
}

module "audit" {
  count        = local.transforms ? 1 : 0
  source       = "./modules/audit"
  name         = local.name
  common       = local.function
  dead_arn     = module.dead.arn
  package      = local.zip.audit
  memory       = local.memory.audit
  environment  = local.environment
  schedule     = "cron(20 * * * ? *)"
  stream_arn   = module.stream.arn
  ledger_arn   = module.claims[0].arn["ledger"]
  bucket_arn   = module.bucket.arn
  catalog_arns = module.catalog.arns
}

# Calls that failed for good; and without a transform, what Firehose could not
# place, which otherwise is settled by replay. Nothing should ever be in here.
module "dead" {
  source    = "./modules/queue"
  name      = "${local.name}-dead"
  emulated  = var.emulated
  partition = local.partition
  scope     = local.scope
  key_arn   = module.key.arn
}

module "undelivered" {
  count      = local.delivers && !local.ingests ? 1 : 0
  source     = "./modules/queue"
  name       = "${local.name}-undelivered"
  emulated   = var.emulated
  partition  = local.partition
  scope      = local.scope
  key_arn    = module.key.arn
  bucket_arn = local.bucket_arn
}

module "monitoring" {
  source      = "./modules/monitoring"
  name        = local.name
  environment = var.environment
  partition   = local.partition
  scope       = local.scope
  key_arn     = module.key.arn
  emails      = var.alarm_emails

  functions = merge(
    { for m in module.collect : "collect" => m.function },
    { for m in module.ingest : "ingest" => m.function },
    { for m in module.curate : "curate" => m.function },
    { for m in module.replay : "replay" => m.function },
    { for m in module.audit : "audit" => m.function },
  )
  workers = local.workers ? { cluster = module.worker[0].cluster, service = module.worker[0].service, number = var.worker.count } : null
  stream  = module.stream.name
  tables = local.transforms ? merge(
    { ledger = module.claims[0].ledger_name },
    local.claims ? { claims = module.claims[0].claims_name } : {},
  ) : {}
  queues = merge(
    { for m in module.curate : "curate" => m.queue if local.ingests },
    { for m in module.replay : "replay" => m.queue if local.ingests },
  )
  dead = concat(
    [module.dead.name],
    module.undelivered[*].name,
    flatten(module.curate[*].dead),
    flatten(module.replay[*].dead),
  )
  delivery         = local.delivers ? module.delivery[0].name : ""
  delivery_seconds = var.delivery_seconds
  crawler          = module.catalog.crawler
  bucket           = module.bucket.name
  workgroup        = module.catalog.workgroup
  gap_metric       = local.transforms ? module.audit[0].gap_metric : ""
  api_id           = var.front == "none" ? "" : module.collect[0].api_id
  anomaly_dollars  = var.anomaly_dollars
  emulated         = var.emulated
}
