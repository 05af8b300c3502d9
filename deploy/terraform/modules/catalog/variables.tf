variable "name" {
  description = "What names begin with."
  type        = string
}

variable "scope" {
  description = "Region and account of ARNs, e.g. us-east-1:123456789012."
  type        = string
}

variable "partition" {
  description = "Partition of ARNs, e.g. aws."
  type        = string
}

variable "key_arn" {
  description = "ARN of the KMS key."
  type        = string
}

variable "database" {
  description = "Name of the database of the tables; raw's has _raw behind it."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9_]*$", var.database))
    error_message = "database: a-z, 0-9 and _; other names have to be quoted in SQL."
  }
}

variable "bucket" {
  description = "Name of the bucket."
  type        = string
}

variable "bucket_arn" {
  description = "ARN of the bucket."
  type        = string
}

variable "crawls" {
  description = "Look for raw events by a crawler."
  type        = bool
}

variable "level" {
  description = "At which level of the bucket the crawler's tables begin: 3 for a table a type, 4 for one a type and subtype."
  type        = number

  validation {
    condition     = contains([3, 4], var.level)
    error_message = "level: 3 or 4."
  }
}

variable "schedule" {
  description = "When the crawler looks."
  type        = string
}

variable "scan_gb" {
  description = "Most that a query may read, in GB."
  type        = number
}

variable "emulated" {
  description = "Leave out saved queries and the classifier."
  type        = bool
}
