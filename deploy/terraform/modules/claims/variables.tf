variable "name" {
  description = "What the names of the tables begin with."
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

variable "claims" {
  description = "Make the table of claims: one write an event."
  type        = bool
}

variable "leases" {
  description = "Make the table by which workers share the shards."
  type        = bool
}

variable "protect" {
  description = "Refuse to destroy the tables."
  type        = bool
  default     = true
}
