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
  description = "Path of lambda-collect's zip file."
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

variable "front" {
  description = "api or url."
  type        = string

  validation {
    condition     = contains(["api", "url"], var.front)
    error_message = "front: api or url."
  }
}

variable "rate" {
  description = "Requests a second that the API lets through."
  type        = number
}

variable "stream_arn" {
  description = "ARN of the stream."
  type        = string
}

variable "bucket_arn" {
  description = "ARN of the bucket with config/."
  type        = string
}
