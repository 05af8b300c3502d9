variable "name" {
  description = "Name of the function and of its role."
  type        = string

  validation {
    condition     = length(var.name) <= 64
    error_message = "name: at most 64 characters."
  }
}

variable "description" {
  description = "What the function does, in a line."
  type        = string
}

variable "package" {
  description = "Path of the zip file with the bootstrap; make package writes it."
  type        = string

  validation {
    condition     = fileexists(var.package)
    error_message = "package: ${var.package} is missing; run make package."
  }
}

variable "memory" {
  description = "Memory in MB; a share of a processor goes with it."
  type        = number

  validation {
    condition     = var.memory >= 128 && var.memory <= 10240
    error_message = "memory: 128 to 10,240 MB."
  }
}

variable "disk" {
  description = "Space in /tmp, in MB."
  type        = number
  default     = 512

  validation {
    condition     = var.disk >= 512 && var.disk <= 10240
    error_message = "disk: 512 to 10,240 MB."
  }
}

variable "timeout" {
  description = "Seconds after which a call is ended."
  type        = number

  validation {
    condition     = var.timeout >= 3 && var.timeout <= 900
    error_message = "timeout: 3 to 900 seconds."
  }
}

variable "reserved" {
  description = "Most calls at a time, reserved for this function. -1: no limit of its own."
  type        = number
  default     = -1
}

variable "patience_seconds" {
  description = "How long a call that waits for no answer may wait for its turn."
  type        = number
  default     = 3600

  validation {
    condition     = var.patience_seconds >= 60 && var.patience_seconds <= 21600
    error_message = "patience_seconds: 60 to 21,600."
  }
}

variable "environment" {
  description = "Environment variables."
  type        = map(string)
}

variable "statements" {
  description = "What the function may do: statements of an IAM policy."
  type        = any
}

variable "common" {
  description = "What all functions of a lake share: ARNs' partition and scope, architecture, KMS key, days that logs are kept, whether AWS is emulated."
  type = object({
    partition    = string
    scope        = string
    architecture = string
    key_arn      = string
    log_days     = number
    emulated     = bool
  })
}

variable "dead_arn" {
  description = "ARN of the queue for calls that failed for good."
  type        = string
}
