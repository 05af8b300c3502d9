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

variable "works_seconds" {
  description = "Time limit of the function that works on messages. 0: none does."
  type        = number
  default     = 0

  validation {
    condition     = var.works_seconds >= 0 && var.works_seconds <= 900
    error_message = "works_seconds: 0 to 900."
  }
}

variable "window_seconds" {
  description = "How long messages are gathered before the function is called."
  type        = number
  default     = 0

  validation {
    condition     = var.window_seconds >= 0 && var.window_seconds <= 300
    error_message = "window_seconds: 0 to 300."
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
