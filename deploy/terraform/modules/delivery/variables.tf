variable "name" {
  description = "Name of the delivery stream."
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

variable "bucket_arn" {
  description = "ARN of the bucket."
  type        = string
}

variable "stream_arn" {
  description = "ARN of the stream that is delivered as it is. Empty: what lambda-ingest puts is delivered."
  type        = string
}

variable "seconds" {
  description = "How long events are gathered for an object."
  type        = number

  validation {
    condition     = var.seconds >= 60 && var.seconds <= 900
    error_message = "seconds: 60 to 900."
  }
}

variable "log_days" {
  description = "How long the log of errors is kept, in days."
  type        = number
}
