variable "name" {
  description = "Name of the bucket."
  type        = string

  validation {
    condition     = can(regex("^[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$", var.name))
    error_message = "name: 3 to 63 of a-z, 0-9 and -."
  }
}

variable "partition" {
  description = "Partition of ARNs, e.g. aws."
  type        = string
}

variable "key_arn" {
  description = "ARN of the KMS key of the objects."
  type        = string
}

variable "days" {
  description = "Days after which raw and quarantine move to STANDARD_IA and GLACIER_IR and are deleted (0: never)."
  type        = object({ standard_ia = number, glacier_ir = number, expire = number })
}

variable "noncurrent_days" {
  description = "How long objects that were deleted or replaced can be brought back, in days."
  type        = number
  default     = 30

  validation {
    condition     = var.noncurrent_days >= 1
    error_message = "noncurrent_days: 1 or more."
  }
}

variable "notifications" {
  description = "ARN of the queue that is told about new objects, by the prefix of their keys."
  type        = map(string)
  default     = {}

  validation {
    condition     = alltrue([for p in keys(var.notifications) : endswith(p, "/")])
    error_message = "notifications: prefixes end with /."
  }
}

variable "config_file" {
  description = "Path of a lake.yaml that becomes the object config/lake.yaml. Empty: none."
  type        = string
  default     = ""
}

variable "protect" {
  description = "Refuse to destroy the bucket while it has objects."
  type        = bool
  default     = true
}

variable "emulated" {
  description = "Leave out the bucket's policy."
  type        = bool
}
