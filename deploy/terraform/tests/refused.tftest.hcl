# What is refused before anything is planned.

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
  size        = "small"
}

run "names" {
  command = plan
  variables {
    name        = "Lake_1"
    environment = "a-much-too-long-one"
    region      = "virginia"
  }
  expect_failures = [var.name, var.environment, var.region]
}

run "choices" {
  command = plan
  variables {
    size         = "medium"
    transform    = "spark"
    front        = "ftp"
    architecture = "riscv"
  }
  expect_failures = [var.size, var.transform, var.front, var.architecture]
}

run "large_without_an_image" {
  command = plan
  variables { size = "large" }
  expect_failures = [var.worker]
}

run "claims_that_end_before_the_stream_does" {
  command = plan
  variables {
    retention_hours = 168
    claims_days     = 3
  }
  expect_failures = [var.claims_days]
}

run "records_that_are_given_up_after_they_are_gone" {
  command = plan
  variables { record_age_hours = 48 }
  expect_failures = [var.record_age_hours]
}

run "lifecycles_that_aws_refuses" {
  command = plan
  variables { raw_days = { standard_ia = 30, glacier_ir = 40 } }
  expect_failures = [var.raw_days]
}

run "settings_that_are_not_for_the_user" {
  command = plan
  variables { settings = { LAKE_AWS_BUCKET = "another" } }
  expect_failures = [var.settings]
}

run "a_configuration_that_is_not_there" {
  command = plan
  variables { config_file = "tests/none.yaml" }
  expect_failures = [var.config_file]
}

run "numbers_out_of_range" {
  command = plan
  variables {
    shards           = 1.5
    retention_hours  = 1
    delivery_seconds = 30
    front_rate       = 0
    log_days         = 8
    athena_scan_gb   = 0
    anomaly_dollars  = -1
    alarm_emails     = ["nobody"]
    crawler_schedule = "daily"
  }
  expect_failures = [
    var.shards, var.retention_hours, var.delivery_seconds, var.front_rate, var.log_days, var.athena_scan_gb, var.anomaly_dollars,
    var.alarm_emails, var.crawler_schedule,
  ]
}

run "more_shards_than_firehose_has_partitions_for" {
  command = plan
  variables {
    size   = "standard"
    shards = 40
  }
  expect_failures = [var.delivery_partitions]
}

run "packages_that_are_not_built" {
  command = plan
  variables { packages = "tests/none" }
  expect_failures = [var.packages]
}
