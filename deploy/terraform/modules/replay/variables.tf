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
  description = "Path of lambda-replay's zip file."
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

variable "drains" {
  description = "Settle what lambda-ingest failed on and what Firehose could not place. Workers leave nothing of the kind."
  type        = bool
}

variable "stream_arn" {
  description = "ARN of the stream."
  type        = string
}

variable "claims_arn" {
  description = "ARN of the claims' table; only with drains."
  type        = string
  default     = ""
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

variable "catalog_arns" {
  description = "ARNs of the catalog, the database and its tables."
  type        = list(string)
}

variable "given_up" {
  description = "How the keys begin under which Lambda leaves batches that it gave up."
  type        = string
}
