# Workers on ECS Fargate share the stream's shards by leases and write raw files
# to the bucket themselves. What they have done is in the ledger, so any of them
# may die at any time.
data "aws_availability_zones" "this" {
  count = var.network == null ? 1 : 0
  state = "available"
}

# Without a network of yours: nothing comes in, S3 and DynamoDB are reached by
# gateway endpoints, which cost nothing, Kinesis by its public address.
resource "aws_vpc" "this" {
  count                = var.network == null ? 1 : 0
  cidr_block           = "10.87.0.0/20"
  enable_dns_support   = true
  enable_dns_hostnames = true
  tags                 = { Name = "${var.name}-worker" }
}

resource "aws_default_security_group" "this" {
  count  = var.network == null ? 1 : 0
  vpc_id = aws_vpc.this[0].id # without rules: nothing gets in by default
}

resource "aws_internet_gateway" "this" {
  count  = var.network == null ? 1 : 0
  vpc_id = aws_vpc.this[0].id
  tags   = { Name = "${var.name}-worker" }
}

resource "aws_subnet" "this" {
  count             = var.network == null ? 2 : 0
  vpc_id            = aws_vpc.this[0].id
  cidr_block        = cidrsubnet(aws_vpc.this[0].cidr_block, 2, count.index)
  availability_zone = data.aws_availability_zones.this[0].names[count.index]
  tags              = { Name = "${var.name}-worker-${count.index}" }
}

resource "aws_route_table" "this" {
  count  = var.network == null ? 1 : 0
  vpc_id = aws_vpc.this[0].id
  tags   = { Name = "${var.name}-worker" }
}

resource "aws_route" "out" {
  count                  = var.network == null ? 1 : 0
  route_table_id         = aws_route_table.this[0].id
  destination_cidr_block = "0.0.0.0/0"
  gateway_id             = aws_internet_gateway.this[0].id
}

resource "aws_route_table_association" "this" {
  count          = var.network == null ? 2 : 0
  subnet_id      = aws_subnet.this[count.index].id
  route_table_id = aws_route_table.this[0].id
}

resource "aws_vpc_endpoint" "this" {
  for_each          = var.network == null ? toset(["s3", "dynamodb"]) : toset([])
  vpc_id            = aws_vpc.this[0].id
  service_name      = "com.amazonaws.${split(":", var.scope)[0]}.${each.value}"
  vpc_endpoint_type = "Gateway"
  route_table_ids   = [aws_route_table.this[0].id]
}

locals {
  vpc_id     = var.network == null ? aws_vpc.this[0].id : var.network.vpc_id
  subnet_ids = var.network == null ? aws_subnet.this[*].id : var.network.subnet_ids
  log        = "/ecs/${var.name}-worker"
  log_arn    = "arn:${var.partition}:logs:${var.scope}:log-group:${local.log}"
}

resource "aws_security_group" "this" {
  name        = "${var.name}-worker"
  description = "Workers of the lake ${var.name}: out by HTTPS, nothing in"
  vpc_id      = local.vpc_id
}

resource "aws_vpc_security_group_egress_rule" "https" {
  security_group_id = aws_security_group.this.id
  description       = "AWS"
  ip_protocol       = "tcp"
  from_port         = 443
  to_port           = 443
  cidr_ipv4         = "0.0.0.0/0"
}

resource "aws_cloudwatch_log_group" "this" {
  name              = local.log
  retention_in_days = var.log_days
  kms_key_id        = var.key_arn
}

resource "aws_cloudwatch_log_metric_filter" "errors" {
  name           = "${var.name}-worker-errors"
  log_group_name = aws_cloudwatch_log_group.this.name
  pattern        = "{ $.level = \"ERROR\" }"

  metric_transformation {
    name          = "${var.name}-worker"
    namespace     = "Eventlake/Errors"
    value         = "1"
    default_value = "0"
  }
}

locals {
  assume = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = "ecs-tasks.amazonaws.com" }
      Action    = "sts:AssumeRole"
      Condition = { StringEquals = { "aws:SourceAccount" = split(":", var.scope)[1] } }
    }]
  })
}

# What ECS does to start a worker.
resource "aws_iam_role" "start" {
  name               = "${var.name}-worker-start"
  assume_role_policy = local.assume
}

resource "aws_iam_role_policy" "start" {
  name = "start"
  role = aws_iam_role.start.id

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat(
      [
        {
          Sid      = "Log"
          Effect   = "Allow"
          Action   = ["logs:CreateLogStream", "logs:PutLogEvents"]
          Resource = ["${local.log_arn}:*"]
        },
      ],
      local.repository == null ? [] : [
        {
          Sid      = "Pull"
          Effect   = "Allow"
          Action   = ["ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer", "ecr:BatchCheckLayerAvailability"]
          Resource = ["arn:${var.partition}:ecr:${local.repository.region}:${local.repository.account}:repository/${local.repository.name}"]
        },
        {
          Sid      = "Login"
          Effect   = "Allow"
          Action   = ["ecr:GetAuthorizationToken"]
          Resource = ["*"] # ECR knows no finer one for this
        },
      ],
    )
  })
}

locals {
  image      = regexall("^([0-9]{12})\\.dkr\\.ecr\\.([a-z0-9-]+)\\.amazonaws\\.com(?:\\.cn)?/([^:@]+)", var.image)
  repository = length(local.image) == 0 ? null : { account = local.image[0][0], region = local.image[0][1], name = local.image[0][2] }
}

# What a worker does.
resource "aws_iam_role" "work" {
  name               = "${var.name}-worker"
  assume_role_policy = local.assume
}

resource "aws_iam_role_policy" "work" {
  name = "work"
  role = aws_iam_role.work.id

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid      = "Read"
        Effect   = "Allow"
        Action   = ["kinesis:GetRecords", "kinesis:GetShardIterator", "kinesis:ListShards", "kinesis:DescribeStreamSummary"]
        Resource = [var.stream_arn]
      },
      {
        Sid      = "Share"
        Effect   = "Allow"
        Action   = ["dynamodb:Query", "dynamodb:PutItem", "dynamodb:DeleteItem"]
        Resource = [var.leases_arn]
      },
      {
        Sid      = "Commit"
        Effect   = "Allow"
        Action   = ["dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:Query", "dynamodb:BatchWriteItem"]
        Resource = [var.ledger_arn]
      },
      {
        Sid      = "Keep"
        Effect   = "Allow"
        Action   = ["s3:GetObject", "s3:PutObject", "s3:AbortMultipartUpload"]
        Resource = [for p in ["raw", "quarantine", "ledger"] : "${var.bucket_arn}/${p}/*"]
      },
      {
        Sid      = "Fold"
        Effect   = "Allow"
        Action   = ["s3:DeleteObject"]
        Resource = ["${var.bucket_arn}/ledger/*"]
      },
      {
        Sid      = "Configuration"
        Effect   = "Allow"
        Action   = ["s3:GetObject"]
        Resource = ["${var.bucket_arn}/config/*"]
      },
      {
        Sid      = "List"
        Effect   = "Allow"
        Action   = ["s3:ListBucket"]
        Resource = [var.bucket_arn]
      },
    ]
  })
}

resource "aws_iam_role_policy" "key" {
  name = "key"
  role = aws_iam_role.work.id

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid      = "Key"
      Effect   = "Allow"
      Action   = ["kms:Decrypt", "kms:GenerateDataKey"]
      Resource = [var.key_arn]
    }]
  })
}

resource "aws_ecs_cluster" "this" {
  name = var.name

  setting {
    name  = "containerInsights"
    value = "enabled"
  }
}

resource "aws_ecs_task_definition" "this" {
  family                   = "${var.name}-worker"
  requires_compatibilities = ["FARGATE"]
  network_mode             = "awsvpc"
  cpu                      = var.cpu
  memory                   = var.memory
  execution_role_arn       = aws_iam_role.start.arn
  task_role_arn            = aws_iam_role.work.arn

  runtime_platform {
    operating_system_family = "LINUX"
    cpu_architecture        = { arm64 = "ARM64", x86_64 = "X86_64" }[var.architecture]
  }

  volume { name = "tmp" }

  container_definitions = jsonencode([{
    name        = "worker"
    image       = var.image
    command     = ["worker"]
    essential   = true
    stopTimeout = 60
    mountPoints = [{ sourceVolume = "tmp", containerPath = "/tmp", readOnly = false }]

    readonlyRootFilesystem = true

    environment = [for k in sort(keys(local.environment)) : { name = k, value = local.environment[k] }]
    logConfiguration = {
      logDriver = "awslogs"
      options   = { awslogs-group = local.log, awslogs-region = split(":", var.scope)[0], awslogs-stream-prefix = "worker" }
    }
  }])

  depends_on = [aws_cloudwatch_log_group.this]
}

locals {
  # A flush is a request to S3 a partition and shard: at one every second, which
  # is the default of the lake on one machine, these would be most of the bill.
  environment = merge({
    GOMEMLIMIT             = "${floor(var.memory * 0.85)}MiB"
    LAKE_LOG_FORMAT        = "json"
    LAKE_INGEST_FLUSH_AGE  = "60s"
    LAKE_INGEST_FLUSH_SIZE = "64MiB"
  }, var.environment)
}

resource "aws_ecs_service" "this" {
  name            = "${var.name}-worker"
  cluster         = aws_ecs_cluster.this.id
  task_definition = aws_ecs_task_definition.this.arn
  desired_count   = var.number
  launch_type     = "FARGATE"

  # New workers take over the shards of old ones, so both may run.
  deployment_minimum_healthy_percent = 50
  deployment_maximum_percent         = 150

  deployment_circuit_breaker {
    enable   = true
    rollback = true
  }

  network_configuration {
    subnets          = local.subnet_ids
    security_groups  = [aws_security_group.this.id]
    assign_public_ip = var.network == null
  }

  depends_on = [aws_iam_role_policy.start, aws_iam_role_policy.work, aws_iam_role_policy.key]
}
