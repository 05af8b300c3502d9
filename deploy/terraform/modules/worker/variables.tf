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

variable "architecture" {
  description = "arm64 or x86_64."
  type        = string
}

variable "key_arn" {
  description = "ARN of the KMS key."
  type        = string
}

variable "log_days" {
  description = "How long logs are kept, in days."
  type        = number
}

variable "image" {
  description = "Image with lake as its entry point."
  type        = string

  validation {
    condition     = var.image != ""
    error_message = "image: name the image of lake; see docs/aws.md."
  }
}

variable "number" {
  description = "How many workers."
  type        = number
}

variable "cpu" {
  description = "CPU units of a worker; 1,024 are one processor."
  type        = number

  validation {
    condition     = contains([256, 512, 1024, 2048, 4096, 8192, 16384], var.cpu)
    error_message = "cpu: one of the sizes of Fargate, e.g. 4096."
  }
}

variable "memory" {
  description = "Memory of a worker in MiB; Fargate has 2 to 8 GiB for a processor."
  type        = number

  validation {
    condition     = var.memory >= 2 * var.cpu && var.memory <= 8 * var.cpu
    error_message = "memory: 2 to 8 times cpu."
  }
}

variable "network" {
  description = "An own VPC and its subnets. Null: one is made."
  type        = object({ vpc_id = string, subnet_ids = list(string) })
  nullable    = true
}

variable "environment" {
  description = "Environment variables of the lake."
  type        = map(string)
}

variable "stream_arn" {
  description = "ARN of the stream."
  type        = string
}

variable "leases_arn" {
  description = "ARN of the leases' table."
  type        = string
}

variable "ledger_arn" {
  description = "ARN of the ledger's table."
  type        = string
}

variable "bucket_arn" {
  description = "ARN of the bucket."
  type        = string
}
