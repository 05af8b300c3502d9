variable "name" {
  description = "Name of the lake's copy; the alias of the key."
  type        = string
}

variable "partition" {
  description = "Partition of ARNs, e.g. aws."
  type        = string
}

variable "region" {
  description = "AWS region."
  type        = string
}

variable "account" {
  description = "Number of the AWS account."
  type        = string
}
