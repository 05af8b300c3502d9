# What wakes somebody: a topic, the alarms, and mail where addresses are given.
resource "aws_sns_topic" "this" {
  name              = "${var.name}-alarms"
  kms_master_key_id = var.key_arn
}

resource "aws_sns_topic_policy" "this" {
  arn = aws_sns_topic.this.arn

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat(
      [{
        Sid       = "OnlyTLS"
        Effect    = "Deny"
        Principal = "*"
        Action    = "sns:Publish" # SNS takes no sns:* in a topic's policy
        Resource  = local.topic_arn
        Condition = { Bool = { "aws:SecureTransport" = "false" } }
      }],
      [{
        Sid       = "Alarms"
        Effect    = "Allow"
        Principal = { Service = ["cloudwatch.amazonaws.com", "costalerts.amazonaws.com"] }
        Action    = "sns:Publish"
        Resource  = local.topic_arn
        Condition = { StringEquals = { "aws:SourceAccount" = split(":", var.scope)[1] } }
      }],
      [for rule in aws_cloudwatch_event_rule.crawler : {
        Sid       = "Crawler" # EventBridge takes no conditions here
        Effect    = "Allow"
        Principal = { Service = "events.amazonaws.com" }
        Action    = "sns:Publish"
        Resource  = local.topic_arn
      }],
    )
  })
}

resource "aws_sns_topic_subscription" "mail" {
  for_each  = toset(var.emails)
  topic_arn = aws_sns_topic.this.arn
  protocol  = "email"
  endpoint  = each.value
}

locals {
  topic_arn = "arn:${var.partition}:sns:${var.scope}:${var.name}-alarms"

  workers = var.workers == null ? { cluster = "", service = "", number = 0 } : var.workers

  # The metric that moves when somebody reads the stream.
  read = (
    contains(keys(var.functions), "ingest") ? { namespace = "AWS/Lambda", metric = "Invocations", dimensions = { FunctionName = var.functions["ingest"] } } :
    var.workers != null ? { namespace = "AWS/Kinesis", metric = "GetRecords.Records", dimensions = { StreamName = var.stream } } :
    null
  )

  # Every alarm in one shape: what is measured, over how many periods of how many
  # seconds, and above which value it is too much. Nothing measured is no alarm.
  functions = {
    for part, f in var.functions : part => {
      errors = {
        says      = "Calls of ${f} fail, or run out of time. Look at its log, then at the newest change."
        namespace = "AWS/Lambda", metric = "Errors", dimensions = { FunctionName = f }, statistic = "Sum"
        period    = 300, periods = 2, above = 0
      }
      throttles = {
        says      = "Calls of ${f} are refused because too many run: raise the account's concurrency."
        namespace = "AWS/Lambda", metric = "Throttles", dimensions = { FunctionName = f }, statistic = "Sum"
        # Where one call runs at a time, being refused is how the others wait.
        period = 300, periods = part == "curate" ? 24 : 3, above = 0
      }
      log = {
        says      = "${f} has logged errors; they come with a hint what to do."
        namespace = "Eventlake/Errors", metric = f, dimensions = {}, statistic = "Sum"
        period    = 300, periods = 1, above = 0
      }
    }
  }

  alarms = merge(
    { for a in flatten([for part, alarms in local.functions : [for what, a in alarms : merge(a, { key = "${part}-${what}" })]]) : a.key => a },
    { for key, a in {
      ingest-age = {
        says      = "Records wait in the stream for more than ${var.age_seconds} s before ingest has them. Look at ingest's errors and at throttled writes of the claims' table."
        namespace = "AWS/Lambda", metric = "IteratorAge", dimensions = { FunctionName = lookup(var.functions, "ingest", "") }, statistic = "Maximum"
        period    = 60, periods = 5, above = var.age_seconds * 1000
      }
    } : key => a if contains(keys(var.functions), "ingest") },
    { for key, a in {
      worker-age = {
        says      = "Records wait in the stream for more than ${var.age_seconds} s before a worker has read them. Look at the workers' log; raise their number."
        namespace = "AWS/Kinesis", metric = "GetRecords.IteratorAgeMilliseconds", dimensions = { StreamName = var.stream }, statistic = "Maximum"
        period    = 60, periods = 5, above = var.age_seconds * 1000
      }
      worker-log = {
        says      = "Workers have logged errors; they come with a hint what to do."
        namespace = "Eventlake/Errors", metric = "${var.name}-worker", dimensions = {}, statistic = "Sum"
        period    = 300, periods = 1, above = 0
      }
      worker-cpu = {
        says      = "The workers are busy; raise their number before records wait."
        namespace = "AWS/ECS", metric = "CPUUtilization", dimensions = { ClusterName = local.workers.cluster, ServiceName = local.workers.service }, statistic = "Average"
        period    = 300, periods = 6, above = 85
      }
    } : key => a if var.workers != null },
    {
      stream-throttles = {
        says      = "Producers are refused: the stream needs more shards, or producers should pack more events into a record."
        namespace = "AWS/Kinesis", metric = "WriteProvisionedThroughputExceeded", dimensions = { StreamName = var.stream }, statistic = "Sum"
        period    = 60, periods = 5, above = 0
      }
    },
    { for part, table in var.tables : "${part}-throttles" => {
      says      = "Writes to ${table} are refused. New on-demand tables take 4,000 a second; see whether it passes, else raise the table's warm throughput."
      namespace = "AWS/DynamoDB", metric = "WriteThrottleEvents", dimensions = { TableName = table }, statistic = "Sum"
      period    = 60, periods = 5, above = 0
    } },
    { for part, queue in var.queues : "${part}-waits" => {
      says      = "The oldest message in ${queue} has waited for more than ${var.message_seconds} s: ${part} is not called, fails, or does not keep up. Look at its event source mapping, then at its log."
      namespace = "AWS/SQS", metric = "ApproximateAgeOfOldestMessage", dimensions = { QueueName = queue }, statistic = "Maximum"
      period    = 300, periods = 3, above = var.message_seconds
    } },
    { for i, queue in var.dead : "dead-${replace(queue, "${var.name}-", "")}" => {
      says      = "Something could not be worked on and lies in ${queue}. docs/aws.md says how it is looked at and sent again."
      namespace = "AWS/SQS", metric = "ApproximateNumberOfMessagesVisible", dimensions = { QueueName = queue }, statistic = "Maximum"
      period    = 300, periods = 1, above = 0
    } },
    { for key, a in {
      delivery-age = {
        says      = "Firehose has had events for more than 15 minutes that are not in the bucket. Look at its log, and at the bucket's policy and key."
        namespace = "AWS/Firehose", metric = "DeliveryToS3.DataFreshness", dimensions = { DeliveryStreamName = var.delivery }, statistic = "Maximum"
        period    = 300, periods = 3, above = 900 + var.delivery_seconds
      }
      delivery-partitions = {
        says      = "More partitions are open than Firehose allows; the events of the others are settled from failed/firehose/, which costs more. Have the quota raised, or use fewer types."
        namespace = "AWS/Firehose", metric = "PartitionCountExceeded", dimensions = { DeliveryStreamName = var.delivery }, statistic = "Maximum"
        period    = 300, periods = 1, above = 0
      }
      delivery-throttles = {
        says      = "Firehose refuses records: have the delivery stream's quota raised."
        namespace = "AWS/Firehose", metric = "ThrottledRecords", dimensions = { DeliveryStreamName = var.delivery }, statistic = "Sum"
        period    = 300, periods = 3, above = 0
      }
    } : key => a if var.delivery != "" },
    { for key, a in {
      books = {
        says      = "The books do not balance: an event is missing somewhere, or is there twice. The log of audit names the place."
        namespace = "Eventlake/Errors", metric = var.gap_metric, dimensions = {}, statistic = "Sum"
        period    = 3600, periods = 1, above = 0
      }
    } : key => a if var.gap_metric != "" },
  )
}

resource "aws_cloudwatch_metric_alarm" "this" {
  for_each            = local.alarms
  alarm_name          = "${var.name}-${each.key}"
  alarm_description   = each.value.says
  namespace           = each.value.namespace
  metric_name         = each.value.metric
  dimensions          = each.value.dimensions
  statistic           = each.value.statistic
  period              = each.value.period
  evaluation_periods  = each.value.periods
  comparison_operator = "GreaterThanThreshold"
  threshold           = each.value.above
  treat_missing_data  = "notBreaching"
  alarm_actions       = [aws_sns_topic.this.arn]
  ok_actions          = [aws_sns_topic.this.arn]
}

# The age of records is measured by those who read: it is no alarm when nobody
# does. Whether records come and are read are two metrics, and the second has no
# values at all when it matters: FILL makes zeros of those.
resource "aws_cloudwatch_metric_alarm" "unread" {
  count               = local.read == null ? 0 : 1
  alarm_name          = "${var.name}-unread"
  alarm_description   = "Records come into the stream and nobody reads them. Is the event source mapping of ingest enabled, do workers run? Nothing is lost while the stream keeps records."
  evaluation_periods  = 3
  datapoints_to_alarm = 3
  comparison_operator = "GreaterThanThreshold"
  threshold           = 0
  treat_missing_data  = "notBreaching" # nothing comes
  alarm_actions       = [aws_sns_topic.this.arn]
  ok_actions          = [aws_sns_topic.this.arn]

  metric_query {
    id          = "unread"
    label       = "records that come while nothing is read"
    expression  = "IF(FILL(come, 0) > 0 AND FILL(read, 0) == 0, come, 0)"
    return_data = true
  }
  metric_query {
    id = "come"
    metric {
      namespace   = "AWS/Kinesis"
      metric_name = "IncomingRecords"
      dimensions  = { StreamName = var.stream }
      stat        = "Sum"
      period      = 300
    }
  }
  metric_query {
    id = "read"
    metric {
      namespace   = local.read.namespace
      metric_name = local.read.metric
      dimensions  = local.read.dimensions
      stat        = "Sum"
      period      = 300
    }
  }
}

# Of Container Insights, which the cluster has switched on. When a service is
# renewed half of it may be gone for a moment; the maximum looks over that.
resource "aws_cloudwatch_metric_alarm" "few" {
  count               = local.workers.number > 0 ? 1 : 0
  alarm_name          = "${var.name}-worker-few"
  alarm_description   = "Fewer than ${local.workers.number} workers run. The events of the service ${local.workers.service} in ECS say why tasks do not start, the workers' log why they end."
  namespace           = "ECS/ContainerInsights"
  metric_name         = "RunningTaskCount"
  dimensions          = { ClusterName = local.workers.cluster, ServiceName = local.workers.service }
  statistic           = "Maximum"
  period              = 300
  evaluation_periods  = 3
  comparison_operator = "LessThanThreshold"
  threshold           = local.workers.number
  treat_missing_data  = "breaching"
  alarm_actions       = [aws_sns_topic.this.arn]
  ok_actions          = [aws_sns_topic.this.arn]
}

# An audit that does not end finds nothing. It writes its metrics last, so one
# that fails or runs out of time counts for nothing here.
resource "aws_cloudwatch_metric_alarm" "unseen" {
  count               = contains(keys(var.functions), "audit") ? 1 : 0
  alarm_name          = "${var.name}-books-unseen"
  alarm_description   = "No audit has come to its end for six hours, so nobody knows whether the books balance. Look at the log of ${var.functions["audit"]}."
  namespace           = "Eventlake"
  metric_name         = "Problems"
  dimensions          = { Env = var.environment, Function = var.functions["audit"] }
  statistic           = "SampleCount"
  period              = 21600
  evaluation_periods  = 1
  comparison_operator = "LessThanThreshold"
  threshold           = 1
  treat_missing_data  = "breaching"
  alarm_actions       = [aws_sns_topic.this.arn]
  ok_actions          = [aws_sns_topic.this.arn]
}

# A crawler has no metric that says that it failed; it has an event.
resource "aws_cloudwatch_event_rule" "crawler" {
  count       = var.crawler == "" ? 0 : 1
  name        = "${var.name}-crawler-failed"
  description = "The crawler ${var.crawler} has failed"

  event_pattern = jsonencode({
    source      = ["aws.glue"]
    detail-type = ["Glue Crawler State Change"]
    detail      = { crawlerName = [var.crawler], state = ["Failed"] }
  })
}

resource "aws_cloudwatch_event_target" "crawler" {
  count = var.crawler == "" ? 0 : 1
  rule  = aws_cloudwatch_event_rule.crawler[0].name
  arn   = aws_sns_topic.this.arn
}

resource "aws_ce_anomaly_monitor" "this" {
  count        = var.anomaly_dollars > 0 && !var.emulated ? 1 : 0
  name         = var.name
  monitor_type = "CUSTOM"

  # Only this lake, by a tag that has to be made a cost allocation tag once.
  monitor_specification = jsonencode({
    Tags = { Key = "Lake", Values = [var.name], MatchOptions = ["EQUALS"] }
  })
}

resource "aws_ce_anomaly_subscription" "this" {
  count            = var.anomaly_dollars > 0 && !var.emulated ? 1 : 0
  name             = var.name
  frequency        = "IMMEDIATE"
  monitor_arn_list = [aws_ce_anomaly_monitor.this[0].arn]

  subscriber {
    type    = "SNS"
    address = aws_sns_topic.this.arn
  }

  threshold_expression {
    dimension {
      key           = "ANOMALY_TOTAL_IMPACT_ABSOLUTE"
      match_options = ["GREATER_THAN_OR_EQUAL"]
      values        = [tostring(var.anomaly_dollars)]
    }
  }

  depends_on = [aws_sns_topic_policy.this]
}
