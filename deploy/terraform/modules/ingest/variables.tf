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
  description = "Path of lambda-ingest's zip file."
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

variable "stream_arn" {
  description = "ARN of the stream."
  type        = string
}

variable "claims_arn" {
  description = "ARN of the claims' table."
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

variable "firehose_arn" {
  description = "ARN of the delivery stream. Empty: the function writes to the bucket itself."
  type        = string
}

variable "given_up" {
  description = "How the keys begin under which Lambda leaves batches that it gave up."
  type        = string
}

variable "window_seconds" {
  description = "How long Lambda gathers records for a batch. Longer makes fewer, larger files where there is no Firehose."
  type        = number

  validation {
    condition     = var.window_seconds >= 1 && var.window_seconds <= 300
    error_message = "window_seconds: 1 to 300; at least 1 with batches of more than 10 records."
  }
}

variable "record_age_seconds" {
  description = "Age at which a record that fails is given up."
  type        = number

  validation {
    condition     = var.record_age_seconds >= 60 && var.record_age_seconds <= 604800
    error_message = "record_age_seconds: 60 to 604,800."
  }
}
