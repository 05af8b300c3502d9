variable "name" {
  description = "What names begin with."
  type        = string
}

variable "environment" {
  description = "Value of the dimension Env of the Lambdas' own metrics."
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

variable "emails" {
  description = "Addresses that alarms are mailed to."
  type        = list(string)
}

variable "functions" {
  description = "Name of each function, by its part: collect, ingest, curate, replay, audit."
  type        = map(string)
}

variable "workers" {
  description = "Cluster, service and number of the workers. Null: there are none."
  type        = object({ cluster = string, service = string, number = number })
  nullable    = true
}

variable "stream" {
  description = "Name of the stream."
  type        = string
}

variable "tables" {
  description = "Name of each DynamoDB table, by its part: claims, ledger."
  type        = map(string)
}

variable "queues" {
  description = "Name of each queue that calls a function, by its part: curate, replay."
  type        = map(string)
}

variable "message_seconds" {
  description = "How long a message may wait in such a queue: the gathering, a call of 15 minutes, and another after one that failed are no alarm."
  type        = number
  default     = 3600

  validation {
    condition     = var.message_seconds >= 1800
    error_message = "message_seconds: 1,800 or more."
  }
}

variable "dead" {
  description = "Names of the queues in which nothing should be."
  type        = list(string)
}

variable "delivery" {
  description = "Name of the delivery stream. Empty: there is none."
  type        = string
}

variable "delivery_seconds" {
  description = "How long Firehose gathers events."
  type        = number
}

variable "crawler" {
  description = "Name of the crawler. Empty: there is none."
  type        = string
}

variable "bucket" {
  description = "Name of the bucket."
  type        = string
}

variable "workgroup" {
  description = "Name of the workgroup of Athena."
  type        = string
}

variable "gap_metric" {
  description = "Name of the metric of problems in the books. Empty: there is no audit."
  type        = string
}

variable "api_id" {
  description = "Id of the HTTP API. Empty: there is none."
  type        = string
}

variable "age_seconds" {
  description = "How long records may wait in the stream."
  type        = number
  default     = 300

  validation {
    condition     = var.age_seconds >= 60
    error_message = "age_seconds: 60 or more."
  }
}

variable "anomaly_dollars" {
  description = "Unexpected cost of a day from which on somebody is told. 0: not watched."
  type        = number
}

variable "emulated" {
  description = "Leave out cost anomalies."
  type        = bool
}
