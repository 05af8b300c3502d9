terraform {
  required_version = ">= 1.11.0, < 2.0.0"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "5.100.0"
    }
  }

  # Where the state lies is in envs/NAME/backend.hcl and, for the bucket's name,
  # on the command line: see docs/aws.md.
  backend "s3" {}
}

provider "aws" {
  region = var.region

  dynamic "default_tags" {
    for_each = var.emulated ? [] : [true]
    content {
      tags = local.tags
    }
  }
}
