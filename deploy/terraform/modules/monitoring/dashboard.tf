# The way of an event from left to right: a column a part, what goes through it
# above, what goes wrong in it below.
locals {
  region = split(":", var.scope)[0]

  columns = concat(
    !contains(keys(var.functions), "collect") ? [] : [{
      title = "collect", flow = [["AWS/Lambda", "Invocations", "FunctionName", var.functions["collect"]]]
      # Events that were refused are answered with 4xx by the API.
      trouble = concat(
        [["AWS/Lambda", "Errors", "FunctionName", var.functions["collect"]]],
        [for m in ["4xx", "5xx"] : ["AWS/ApiGateway", m, "ApiId", var.api_id] if var.api_id != ""],
      )
    }],
    [{
      title   = "stream", flow = [["AWS/Kinesis", "IncomingRecords", "StreamName", var.stream], ["AWS/Kinesis", "IncomingBytes", "StreamName", var.stream, { yAxis = "right" }]]
      trouble = [["AWS/Kinesis", "WriteProvisionedThroughputExceeded", "StreamName", var.stream], ["AWS/Kinesis", "GetRecords.IteratorAgeMilliseconds", "StreamName", var.stream, { stat = "Maximum", yAxis = "right" }]]
    }],
    !contains(keys(var.functions), "ingest") ? [] : [{
      title   = "ingest", flow = [["AWS/Lambda", "Invocations", "FunctionName", var.functions["ingest"]], ["AWS/Lambda", "Duration", "FunctionName", var.functions["ingest"], { stat = "p99", yAxis = "right" }]]
      trouble = [["AWS/Lambda", "Errors", "FunctionName", var.functions["ingest"]], ["AWS/Lambda", "IteratorAge", "FunctionName", var.functions["ingest"], { stat = "Maximum", yAxis = "right" }]]
    }],
    var.workers == null ? [] : [{
      title   = "workers", flow = [["AWS/ECS", "CPUUtilization", "ClusterName", var.workers.cluster, "ServiceName", var.workers.service, { stat = "Average" }]]
      trouble = [["Eventlake/Errors", "${var.name}-worker"]]
    }],
    length(var.tables) == 0 ? [] : [{
      title   = "claims and ledger", flow = [for t in values(var.tables) : ["AWS/DynamoDB", "ConsumedWriteCapacityUnits", "TableName", t]]
      trouble = [for t in values(var.tables) : ["AWS/DynamoDB", "WriteThrottleEvents", "TableName", t]]
    }],
    var.delivery == "" ? [] : [{
      title   = "delivery", flow = [["AWS/Firehose", "IncomingRecords", "DeliveryStreamName", var.delivery], ["AWS/Firehose", "DeliveryToS3.Bytes", "DeliveryStreamName", var.delivery, { yAxis = "right" }]]
      trouble = [["AWS/Firehose", "PartitionCountExceeded", "DeliveryStreamName", var.delivery], ["AWS/Firehose", "DeliveryToS3.DataFreshness", "DeliveryStreamName", var.delivery, { stat = "Maximum", yAxis = "right" }]]
    }],
    [{
      title   = "bucket", flow = [["AWS/S3", "BucketSizeBytes", "BucketName", var.bucket, "StorageType", "StandardStorage", { stat = "Average", period = 86400 }], ["AWS/S3", "NumberOfObjects", "BucketName", var.bucket, "StorageType", "AllStorageTypes", { stat = "Average", period = 86400, yAxis = "right" }]]
      trouble = [for q in var.dead : ["AWS/SQS", "ApproximateNumberOfMessagesVisible", "QueueName", q, { stat = "Maximum" }]]
    }],
    !contains(keys(var.functions), "curate") ? [] : [{
      title   = "tables", flow = [["AWS/Lambda", "Invocations", "FunctionName", var.functions["curate"]], ["AWS/Lambda", "Duration", "FunctionName", var.functions["curate"], { stat = "Maximum", yAxis = "right" }]]
      trouble = [["Eventlake/Errors", var.functions["curate"]], ["AWS/Lambda", "Errors", "FunctionName", var.functions["curate"]]]
    }],
    [{
      title   = "SQL", flow = [["AWS/Athena", "ProcessedBytes", "WorkGroup", var.workgroup], ["AWS/Athena", "TotalExecutionTime", "WorkGroup", var.workgroup, { stat = "p90", yAxis = "right" }]]
      trouble = concat([["AWS/Athena", "QueryQueueTime", "WorkGroup", var.workgroup, { stat = "Maximum", yAxis = "right" }]], [for m in [var.gap_metric] : ["Eventlake/Errors", m] if m != ""])
    }],
  )

  made = concat(
    values(aws_cloudwatch_metric_alarm.this), aws_cloudwatch_metric_alarm.unread, aws_cloudwatch_metric_alarm.few, aws_cloudwatch_metric_alarm.unseen,
  )

  # By the functions' names: two lakes may be in one environment.
  own = join(" OR ", [for f in values(var.functions) : "Function=\"${f}\""])

  width = floor(24 / length(local.columns))

  widgets = concat(
    [{
      type       = "text", x = 0, y = 0, width = 24, height = 1
      properties = { markdown = "### ${var.name}: ${join(" ► ", local.columns[*].title)}", background = "transparent" }
    }],
    flatten([for i, c in local.columns : [
      {
        type       = "metric", x = i * local.width, y = 1, width = local.width, height = 6
        properties = { title = c.title, region = local.region, period = 300, stat = "Sum", view = "timeSeries", metrics = c.flow, legend = { position = "bottom" } }
      },
      {
        type       = "metric", x = i * local.width, y = 7, width = local.width, height = 6
        properties = { title = "${c.title}: trouble", region = local.region, period = 300, stat = "Sum", view = "timeSeries", metrics = c.trouble, legend = { position = "bottom" } }
      },
    ]]),
    concat([
      {
        type       = "alarm", x = 0, y = 13, width = 12, height = 6
        properties = { title = "alarms", alarms = [for a in local.made : a.arn] }
      },
      ], length(var.functions) == 0 ? [] : [
      {
        type = "metric", x = 12, y = 13, width = 12, height = 6
        properties = {
          title   = "what the Lambdas count", region = local.region, period = 300, view = "timeSeries"
          metrics = [[{ expression = "SEARCH('{Eventlake,Env,Function} Env=\"${var.environment}\" (${local.own})', 'Sum', 300)", id = "own" }]]
        }
      },
    ]),
  )
}

resource "aws_cloudwatch_dashboard" "this" {
  dashboard_name = var.name
  dashboard_body = jsonencode({ widgets = local.widgets })
}
