variable "name" {
  description = "What names begin with."
  type        = string
}

variable "common" {
  description = "What all functions share; see module function."
  type        = any
}

variable "dead_arn" {
  description = "ARN of the queue for calls that failed for good."
  type        = string
}

variable "package" {
  description = "Path of lambda-audit's zip file."
  type        = string
}

variable "memory" {
  description = "Memory in MB."
  type        = number
}

variable "environment" {
  description = "Environment variables of the lake."
  type        = map(string)
}

variable "schedule" {
  description = "When an audit begins, as a schedule of EventBridge."
  type        = string

  validation {
    condition     = can(regex("^(cron|rate)\\(.+\\)$", var.schedule))
    error_message = "schedule: e.g. cron(20 * * * ? *)."
  }
}

variable "stream_arn" {
  description = "ARN of the stream."
  type        = string
}

variable "ledger_arn" {
  description = "ARN of the ledger's table."
  type        = string
}

variable "bucket_arn" {
  description = "ARN of the bucket."
  type        = string
}

variable "catalog_arns" {
  description = "ARNs of the catalog, the database and its tables."
  type        = list(string)
}
