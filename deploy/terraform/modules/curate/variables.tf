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
  description = "Path of lambda-curate's zip file."
  type        = string
}

variable "memory" {
  description = "Memory in MB."
  type        = number
}

variable "disk" {
  description = "Space in /tmp, in MB."
  type        = number
  default     = 2048
}

variable "alone" {
  description = "Reserve a concurrency of 1, where only schedules call."
  type        = bool
}

variable "environment" {
  description = "Environment variables of the lake."
  type        = map(string)
}

variable "told" {
  description = "Have a queue of notifications about raw objects. Workers need none: they write what they made into the ledger."
  type        = bool
}

variable "window_seconds" {
  description = "How long notifications are gathered for one call: the least age of what is new in the tables, and the cost of being so new."
  type        = number

  validation {
    condition     = var.window_seconds >= 1 && var.window_seconds <= 300
    error_message = "window_seconds: 1 to 300."
  }
}

variable "schedules" {
  description = "When each task of the function begins, as a schedule of EventBridge: curate, upkeep."
  type        = map(string)

  validation {
    condition     = length(setsubtract(keys(var.schedules), ["curate", "upkeep"])) == 0
    error_message = "schedules: the tasks are curate and upkeep."
  }
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
