# What each size and transform plans, without an account: every provider call is
# mocked. The packages that make package writes have to be there, or
# TF_VAR_packages names others.

mock_provider "aws" {
  mock_data "aws_caller_identity" {
    defaults = { account_id = "123456789012" }
  }
  mock_data "aws_partition" {
    defaults = { partition = "aws" }
  }
  mock_data "aws_availability_zones" {
    defaults = { names = ["us-east-1a", "us-east-1b"] }
  }
}

variables {
  environment = "test"
}

run "small_has_neither_firehose_nor_crawler" {
  command = plan
  variables { size = "small" }

  assert {
    condition     = length(module.delivery) == 0 && length(module.undelivered) == 0 && module.catalog.crawler == ""
    error_message = "small has Firehose or a crawler"
  }
  assert {
    condition     = keys(output.functions) == ["audit", "collect", "curate", "ingest", "replay"] && length(module.worker) == 0
    error_message = "small is made of the five functions"
  }
  assert {
    condition     = output.environment.LAKE_AWS_FIREHOSE == "" && output.environment.LAKE_AWS_CLAIMS == "lake-test-claims" && output.environment.LAKE_AWS_LEASES == ""
    error_message = "the functions of small claim every event and write to the bucket themselves"
  }
  assert {
    condition     = length(setsubtract(["lake-test-unread", "lake-test-books-unseen", "lake-test-curate-waits", "lake-test-replay-waits"], module.monitoring.alarms)) == 0
    error_message = "nobody is told when ingest, curate, replay or audit do not run"
  }
}

run "standard_delivers_by_firehose_and_crawls" {
  command = plan
  variables { size = "standard" }

  assert {
    condition     = length(module.ingest) == 1 && length(module.delivery) == 1 && module.catalog.crawler == "lake-test-raw"
    error_message = "standard is Lambda, Firehose and crawler"
  }
  assert {
    condition     = output.environment.LAKE_AWS_FIREHOSE == "lake-test" && output.environment.LAKE_AWS_CLAIMS == "lake-test-claims"
    error_message = "the functions of standard claim every event and hand it to Firehose"
  }
  assert {
    condition     = keys(output.queues) == ["curate", "replay"] && length(module.undelivered) == 0
    error_message = "curate and replay are told by queues, replay also of what Firehose cannot place"
  }
}

run "large_has_workers_and_no_claim_per_event" {
  command = plan
  variables {
    size   = "large"
    worker = { image = "123456789012.dkr.ecr.us-east-1.amazonaws.com/lake:1" }
  }

  assert {
    condition     = length(module.worker) == 1 && length(module.ingest) == 0 && length(module.delivery) == 0
    error_message = "large is workers that write to the bucket"
  }
  assert {
    condition     = output.environment.LAKE_AWS_CLAIMS == "" && output.environment.LAKE_AWS_LEASES == "lake-test-leases" && keys(module.claims[0].arn) == ["leases", "ledger"]
    error_message = "large has leases and no claims"
  }
  assert {
    condition     = length(output.queues) == 0
    error_message = "workers write into the ledger what they made; nobody is told of objects"
  }
  assert {
    condition     = length(setsubtract(["lake-test-unread", "lake-test-worker-few", "lake-test-books-unseen"], module.monitoring.alarms)) == 0
    error_message = "nobody is told when workers do not run"
  }
}

run "without_a_transform_the_stream_goes_to_firehose" {
  command = plan
  variables {
    transform = "none"
    size      = "small"
  }

  assert {
    condition     = length(module.ingest) + length(module.curate) + length(module.replay) + length(module.audit) + length(module.worker) + length(module.claims) == 0
    error_message = "Lambdas, workers or tables are left"
  }
  assert {
    condition     = length(module.delivery) == 1 && module.catalog.crawler == "lake-test-raw" && length(module.undelivered) == 1
    error_message = "Firehose delivers, a crawler makes the tables, a queue tells of what cannot be placed"
  }
  assert {
    condition     = output.environment.LAKE_AWS_FIREHOSE == ""
    error_message = "nobody puts into a delivery stream that is fed by the stream"
  }
}

run "large_without_a_transform_needs_no_image" {
  command = plan
  variables {
    transform = "none"
    size      = "large"
  }
  assert {
    condition     = length(module.worker) == 0 && length(module.delivery) == 1
    error_message = "workers although nothing is transformed"
  }
}

run "without_a_front_producers_write_to_the_stream" {
  command = plan
  variables {
    size  = "small"
    front = "none"
  }
  assert {
    condition     = length(module.collect) == 0 && output.url == ""
    error_message = "a front although there is to be none"
  }
}

run "a_function_url_instead_of_an_api" {
  command = plan
  variables {
    size  = "small"
    front = "url"
  }
  assert {
    condition     = module.collect[0].api_id == ""
    error_message = "an API although a URL was asked for"
  }
}

run "own_settings_reach_the_functions" {
  command = plan
  variables {
    size        = "small"
    config_file = "tests/lake.yaml"
    settings    = { LAKE_CURATE_COLUMNS = "500" }
  }
  assert {
    condition     = output.environment.LAKE_CURATE_COLUMNS == "500" && output.environment.LAKE_CONFIG == "s3://lake-test-123456789012-us-east-1/config/lake.yaml"
    error_message = "settings are lost"
  }
}

run "processes_share_the_quota_of_partitions" {
  command = plan
  variables {
    size   = "standard"
    shards = 8
  }
  assert {
    condition     = output.environment.LAKE_AWS_FIREHOSE_PARTITIONS == "50"
    error_message = "Firehose counts the partitions of 8 processes that ingest and 2 that replay together"
  }
}

run "a_message_is_hidden_until_its_call_has_ended" {
  command = plan
  module { source = "./modules/queue" }
  variables {
    name           = "lake-test-curate"
    scope          = "us-east-1:123456789012"
    partition      = "aws"
    key_arn        = "arn:aws:kms:us-east-1:123456789012:key/1"
    receives       = 20
    works_seconds  = 900
    window_seconds = 300
    emulated       = false
  }
  assert {
    condition     = aws_sqs_queue.this.visibility_timeout_seconds >= 900 + 300 + 60
    error_message = "a message is seen again while it is being worked on"
  }
}

run "objects_are_encrypted_by_the_key_of_the_lake" {
  command = plan
  module { source = "./modules/bucket" }
  variables {
    name      = "lake-test"
    partition = "aws"
    key_arn   = "arn:aws:kms:us-east-1:123456789012:key/1"
    days      = { standard_ia = 30, glacier_ir = 120, expire = 0 }
    emulated  = false
  }
  # What the statements about PutObject refuse, by the headers of a request: a
  # condition holds when all of its parts do, and StringNotEquals also when there
  # is no such header.
  assert {
    condition = [
      for what, put in {
        "without a header"        = { refused = false, sse = null, key = null, customer = null },
        "with the lake's key"     = { refused = false, sse = "aws:kms", key = "arn:aws:kms:us-east-1:123456789012:key/1", customer = null },
        "with the key of S3"      = { refused = true, sse = "aws:kms", key = null, customer = null },
        "with another key"        = { refused = true, sse = "aws:kms", key = "arn:aws:kms:us-east-1:123456789012:key/2", customer = null },
        "with AES256"             = { refused = true, sse = "AES256", key = null, customer = null },
        "encrypted twice"         = { refused = true, sse = "aws:kms:dsse", key = "arn:aws:kms:us-east-1:123456789012:key/1", customer = null },
        "with a key of their own" = { refused = true, sse = null, key = null, customer = "AES256" },
        } : what if put.refused != anytrue([
          for s in jsondecode(aws_s3_bucket_policy.this[0].policy).Statement : alltrue(flatten([
            for test, headers in s.Condition : [
              for header, value in headers : {
                StringEquals    = { for k, v in { "" = put.sse, "-aws-kms-key-id" = put.key, "-customer-algorithm" = put.customer } : "s3:x-amz-server-side-encryption${k}" => v }[header] == value
                StringNotEquals = { for k, v in { "" = put.sse, "-aws-kms-key-id" = put.key, "-customer-algorithm" = put.customer } : "s3:x-amz-server-side-encryption${k}" => v }[header] != value
                Null            = ({ for k, v in { "" = put.sse, "-aws-kms-key-id" = put.key, "-customer-algorithm" = put.customer } : "s3:x-amz-server-side-encryption${k}" => v }[header] == null) == (value == "true")
              }[test]
            ]
          ])) if s.Action == "s3:PutObject" && s.Effect == "Deny"
      ])
    ] == []
    error_message = "objects may be put under another key than the lake's, or not under it"
  }
}

run "alarms_are_published_over_tls_only" {
  command = plan
  module { source = "./modules/monitoring" }
  variables {
    name             = "lake-test"
    scope            = "us-east-1:123456789012"
    partition        = "aws"
    key_arn          = "arn:aws:kms:us-east-1:123456789012:key/1"
    emails           = []
    functions        = {}
    workers          = null
    stream           = "lake-test"
    tables           = {}
    queues           = {}
    dead             = []
    delivery         = ""
    delivery_seconds = 300
    crawler          = "lake-test-raw"
    bucket           = "lake-test"
    workgroup        = "lake-test"
    gap_metric       = ""
    api_id           = ""
    anomaly_dollars  = 0
    emulated         = false
  }
  assert {
    condition = [
      for s in jsondecode(aws_sns_topic_policy.this.policy).Statement : s.Principal
      if s.Effect == "Deny" && s.Action == "sns:Publish" && s.Resource == "arn:aws:sns:us-east-1:123456789012:lake-test-alarms" &&
      try(s.Condition, null) == { Bool = { "aws:SecureTransport" = "false" } }
    ] == ["*"]
    error_message = "the topic of alarms takes what comes without TLS"
  }
  assert {
    condition = {
      for s in jsondecode(aws_sns_topic_policy.this.policy).Statement : s.Sid => s.Principal.Service if s.Effect == "Allow"
    } == { Alarms = ["cloudwatch.amazonaws.com", "costalerts.amazonaws.com"], Crawler = "events.amazonaws.com" }
    error_message = "others than alarms, costs and the crawler publish to the topic, or one of them may not"
  }
}
