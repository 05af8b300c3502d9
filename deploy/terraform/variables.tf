variable "name" {
  description = "Name of the lake; every resource's name begins with it."
  type        = string
  default     = "lake"

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,15}$", var.name))
    error_message = "name: 2 to 16 of a-z, 0-9 and -, beginning with a letter."
  }
}

variable "environment" {
  description = "Name of this copy of the lake, e.g. dev. Part of every resource's name and a dimension of the metrics."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9]{1,9}$", var.environment))
    error_message = "environment: 2 to 10 of a-z and 0-9, beginning with a letter."
  }
}

variable "region" {
  description = "AWS region of all resources."
  type        = string
  default     = "us-east-1"

  validation {
    condition     = can(regex("^[a-z]{2}(-[a-z]+)+-[0-9]$", var.region))
    error_message = "region: e.g. us-east-1."
  }
}

variable "size" {
  description = "How much comes: small (about 1,000 events an hour: no Firehose, no crawler), standard (1 million: Lambda, DynamoDB, Firehose, crawler), large (1 billion: workers on ECS write to S3; no claim per event)."
  type        = string
  default     = "standard"

  validation {
    condition     = contains(["small", "standard", "large"], var.size)
    error_message = "size: small, standard or large."
  }
}

variable "transform" {
  description = "lambda: events are claimed, checked and enriched before they are kept. none: the stream goes to S3 through Firehose as it is; nothing is claimed, and a crawler makes the tables."
  type        = string
  default     = "lambda"

  validation {
    condition     = contains(["lambda", "none"], var.transform)
    error_message = "transform: lambda or none."
  }
}

variable "front" {
  description = "How events come in over HTTP. api: an HTTP API that asks for write keys. url: a function URL for callers that sign with IAM. none: producers write to the stream themselves."
  type        = string
  default     = "api"

  validation {
    condition     = contains(["api", "url", "none"], var.front)
    error_message = "front: api, url or none."
  }
}

variable "front_rate" {
  description = "Requests a second that the HTTP API lets through; beyond that clients get 429. Only with front = api."
  type        = number
  default     = 500

  validation {
    condition     = var.front_rate >= 1 && var.front_rate <= 10000
    error_message = "front_rate: 1 to 10,000 requests a second, the quota of an account."
  }
}

variable "config_file" {
  description = "Path of a lake.yaml that the Lambdas read (sources and their mappings). Empty: the defaults."
  type        = string
  default     = ""

  validation {
    condition     = var.config_file == "" || can(file(var.config_file))
    error_message = "config_file: there is no such file."
  }
}

variable "settings" {
  description = "Further keys of the configuration for all Lambdas and workers, as environment variables, e.g. { LAKE_CURATE_COLUMNS = \"500\" }."
  type        = map(string)
  default     = {}

  validation {
    condition     = alltrue([for k in keys(var.settings) : can(regex("^LAKE_[A-Z_]+$", k)) && !startswith(k, "LAKE_AWS_")])
    error_message = "settings: names are LAKE_ and a key in capitals; LAKE_AWS_ keys are set by this configuration."
  }
}

variable "packages" {
  description = "Directory with the zip files that make package writes."
  type        = string
  default     = "../../dist"

  validation {
    condition     = length(fileset(var.packages, "lambda-*.zip")) > 0
    error_message = "packages: there are no zip files; run make package."
  }
}

variable "architecture" {
  description = "Processor of the Lambdas and workers: arm64 (a fifth cheaper) or x86_64."
  type        = string
  default     = "arm64"

  validation {
    condition     = contains(["arm64", "x86_64"], var.architecture)
    error_message = "architecture: arm64 or x86_64."
  }
}

variable "shards" {
  description = "Shards of the stream; 1 MB or 1,000 records a second each. Null: 1, 2 or 204 by size. 0: on demand."
  type        = number
  default     = null
  nullable    = true

  validation {
    condition     = var.shards == null ? true : var.shards >= 0 && var.shards <= 10000 && floor(var.shards) == var.shards
    error_message = "shards: a whole number from 0 (on demand) to 10,000."
  }
}

variable "retention_hours" {
  description = "How long the stream keeps records. Failed batches can be read again within it."
  type        = number
  default     = 48

  validation {
    condition     = var.retention_hours >= 24 && var.retention_hours <= 8760
    error_message = "retention_hours: 24 to 8,760."
  }
}

variable "claims_days" {
  description = "How long an id is remembered, in days; copies that come later are dropped when tables are made. Longer than the stream's retention."
  type        = number
  default     = 7

  validation {
    condition     = var.claims_days * 24 >= var.retention_hours && var.claims_days <= 365
    error_message = "claims_days: at least the stream's retention, at most 365."
  }
}

variable "raw_days" {
  description = "Days after which raw objects move to cheaper storage: standard_ia (at least 30) and glacier_ir; expire (0: never) deletes them."
  type = object({
    standard_ia = optional(number, 30)
    glacier_ir  = optional(number, 120)
    expire      = optional(number, 0)
  })
  default = {}

  validation {
    condition     = var.raw_days.standard_ia >= 30 && var.raw_days.glacier_ir >= var.raw_days.standard_ia + 30 && (var.raw_days.expire == 0 || var.raw_days.expire > var.raw_days.glacier_ir)
    error_message = "raw_days: standard_ia from 30 on, glacier_ir at least 30 days later, expire 0 or later still."
  }
}

variable "delivery_seconds" {
  description = "How long Firehose gathers events for an object. Longer makes fewer, larger objects."
  type        = number
  default     = 300

  validation {
    condition     = var.delivery_seconds >= 60 && var.delivery_seconds <= 900
    error_message = "delivery_seconds: 60 to 900."
  }
}

variable "delivery_partitions" {
  description = "Quota of the account for active partitions of a Firehose delivery stream. It is shared out among the processes that deliver, one a shard and two that replay; what a process has beyond its share it writes to S3 itself, in smaller objects."
  type        = number
  default     = 500

  validation {
    condition     = var.delivery_partitions >= 50 && var.delivery_partitions <= 100000 && floor(var.delivery_partitions) == var.delivery_partitions
    error_message = "delivery_partitions: a whole number from 50 to 100,000."
  }
  validation {
    condition     = var.size != "standard" || var.transform != "lambda" || floor(var.delivery_partitions / ((var.shards == null ? 2 : var.shards == 0 ? 16 : var.shards) + 2)) >= 20
    error_message = "delivery_partitions: with so many shards fewer than 20 partitions are left for each process that delivers. Have the quota \"active partitions\" of Firehose raised and set delivery_partitions to it, or use size large."
  }
}

variable "record_age_hours" {
  description = "Age at which Lambda gives up a record that fails and leaves it in S3, from where it is settled later. Below the stream's retention."
  type        = number
  default     = 6

  validation {
    condition     = var.record_age_hours >= 1 && var.record_age_hours < var.retention_hours
    error_message = "record_age_hours: from 1 to less than retention_hours."
  }
}

variable "curate_alone" {
  description = "Reserve a concurrency of 1 for curate in size large, where only schedules call it, so that one writer works at a time. An account whose quota is below 101 cannot reserve; two writers at a time are safe, one of them works in vain."
  type        = bool
  default     = true
}

variable "crawler_schedule" {
  description = "When the Glue crawler looks at raw, as a cron expression of EventBridge; each run costs about $0.15. Only with standard, or without a transform."
  type        = string
  default     = "cron(15 2 * * ? *)"

  validation {
    condition     = can(regex("^cron\\(.+\\)$", var.crawler_schedule))
    error_message = "crawler_schedule: e.g. cron(15 2 * * ? *)."
  }
}

variable "athena_scan_gb" {
  description = "Most that one query in Athena may read, in GB; $5 for 1,000 of them."
  type        = number
  default     = 100

  validation {
    condition     = var.athena_scan_gb >= 1
    error_message = "athena_scan_gb: 1 or more."
  }
}

variable "worker" {
  description = "Workers on ECS Fargate, for size large: image with lake as its entry point, how many, CPU units and MiB of memory of each."
  type = object({
    image  = optional(string, "")
    count  = optional(number, 8)
    cpu    = optional(number, 4096)
    memory = optional(number, 16384)
  })
  default = {}

  validation {
    condition     = var.size != "large" || var.transform == "none" || var.worker.image != ""
    error_message = "worker.image: size large needs the image of lake; see docs/aws.md."
  }
  validation {
    condition     = var.worker.count >= 0 && floor(var.worker.count) == var.worker.count
    error_message = "worker.count: a whole number from 0 on."
  }
}

variable "network" {
  description = "Subnets of an own VPC for the workers, with a way to Kinesis, DynamoDB and S3. Empty: a VPC with public subnets, no way in, and gateway endpoints is made."
  type        = object({ vpc_id = string, subnet_ids = list(string) })
  default     = null
  nullable    = true
}

variable "log_days" {
  description = "How long logs are kept, in days."
  type        = number
  default     = 30

  validation {
    condition     = contains([1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653], var.log_days)
    error_message = "log_days: one of the values that CloudWatch Logs knows, e.g. 7, 30, 90, 365."
  }
}

variable "alarm_emails" {
  description = "Addresses that alarms are mailed to; each has to confirm."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for a in var.alarm_emails : can(regex("^[^@ ]+@[^@ ]+$", a))])
    error_message = "alarm_emails: mail addresses."
  }
}

variable "anomaly_dollars" {
  description = "Unexpected cost of a day, in dollars, from which on it is mailed to alarm_emails. 0: not watched."
  type        = number
  default     = 20

  validation {
    condition     = var.anomaly_dollars >= 0
    error_message = "anomaly_dollars: 0 or more."
  }
}

variable "protect" {
  description = "Keep data when the lake is destroyed: a bucket with objects and the tables of DynamoDB are then refused to go."
  type        = bool
  default     = true
}

variable "tags" {
  description = "Further tags of every resource."
  type        = map(string)
  default     = {}
}

variable "emulated" {
  description = "Leave out what an emulator of AWS cannot do (tests only): tags by default, the bucket's policy, saved queries, the crawler's classifier, which queues may send into a dead one, encryption of the Lambdas' variables, cost anomalies."
  type        = bool
  default     = false
}
