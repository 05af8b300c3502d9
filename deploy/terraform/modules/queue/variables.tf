variable "name" {
  description = "Name of the queue; the one beside it is called NAME-dead."
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
  description = "ARN of the bucket that may write notifications into it. Empty: none."
  type        = string
  default     = ""
}

variable "visibility_seconds" {
  description = "How long a message that is being worked on is hidden; not less than the function's time."
  type        = number
  default     = 30

  validation {
    condition     = var.visibility_seconds >= 0 && var.visibility_seconds <= 43200
    error_message = "visibility_seconds: 0 to 43,200."
  }
}

variable "receives" {
  description = "How often a message is tried before it is set aside. 0: there is no queue beside this one."
  type        = number
  default     = 0

  validation {
    condition     = var.receives >= 0 && var.receives <= 1000
    error_message = "receives: 0 to 1,000."
  }
}

variable "emulated" {
  description = "Leave out which queues may send into the one beside this."
  type        = bool
}
