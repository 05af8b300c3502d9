# Plans in which all that alarms, graphs and policies are made of is known, also
# what AWS would say, for the tests that look at every one of them:
# e2e/terraform/monitoring_test.go and services_test.go.

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

  override_resource {
    target          = module.key.aws_kms_key.this
    override_during = plan
    values          = { arn = "arn:aws:kms:us-east-1:123456789012:key/1", key_id = "1" }
  }
  override_resource {
    target          = module.collect[0].aws_apigatewayv2_api.this
    override_during = plan
    values = {
      id            = "api1234567"
      execution_arn = "arn:aws:execute-api:us-east-1:123456789012:api1234567"
      api_endpoint  = "https://api1234567.example"
    }
  }
  override_resource {
    target          = module.monitoring.aws_cloudwatch_metric_alarm.this
    override_during = plan
    values          = { arn = "arn:aws:cloudwatch:us-east-1:123456789012:alarm:planned" }
  }
  override_resource {
    target          = module.monitoring.aws_cloudwatch_metric_alarm.unread
    override_during = plan
    values          = { arn = "arn:aws:cloudwatch:us-east-1:123456789012:alarm:planned" }
  }
  override_resource {
    target          = module.monitoring.aws_cloudwatch_metric_alarm.few
    override_during = plan
    values          = { arn = "arn:aws:cloudwatch:us-east-1:123456789012:alarm:planned" }
  }
  override_resource {
    target          = module.monitoring.aws_cloudwatch_metric_alarm.unseen
    override_during = plan
    values          = { arn = "arn:aws:cloudwatch:us-east-1:123456789012:alarm:planned" }
  }
}

variables {
  environment = "test"
}

run "small" {
  command = plan
  variables { size = "small" }
}

run "standard" {
  command = plan
  variables { size = "standard" }
}

run "large" {
  command = plan
  variables {
    size   = "large"
    worker = { image = "123456789012.dkr.ecr.us-east-1.amazonaws.com/lake:1" }
  }
}

run "large_from_another_registry" {
  command = plan
  variables {
    size   = "large"
    worker = { image = "registry.example.com/lake:1" }
  }
}

run "without_a_transform_and_a_front" {
  command = plan
  variables {
    transform = "none"
    size      = "standard"
    front     = "none"
  }
}
