variable "name" {
  description = "Name of the stream."
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

variable "shards" {
  description = "Shards; 0 is on demand."
  type        = number

  validation {
    condition     = var.shards >= 0
    error_message = "shards: 0 or more."
  }
}

variable "retention_hours" {
  description = "How long records are kept."
  type        = number
}

variable "key_arn" {
  description = "ARN of the KMS key."
  type        = string
}
