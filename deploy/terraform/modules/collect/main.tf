# HTTP in front of the stream. An HTTP API is open to everyone, so the collector
# asks for write keys; a function URL is for callers that sign with IAM.
module "function" {
  source      = "../function"
  common      = var.common
  dead_arn    = var.dead_arn
  name        = "${var.name}-collect"
  description = "HTTP requests become records of the stream"
  package     = var.package
  memory      = var.memory
  timeout     = 30

  environment = merge(
    var.environment,
    var.front == "api" ? { LAKE_AWS_KEYS = "config/keys.json", LAKE_KEYS_REQUIRED = "on" } : {},
  )

  statements = concat(
    [
      {
        Sid      = "Publish"
        Effect   = "Allow"
        Action   = ["kinesis:PutRecords", "kinesis:ListShards"]
        Resource = [var.stream_arn]
      },
    ],
    [
      {
        Sid      = "Configuration"
        Effect   = "Allow"
        Action   = ["s3:GetObject"]
        Resource = ["${var.bucket_arn}/config/*"]
      },
      {
        Sid      = "Missing" # so that a missing object is not called forbidden
        Effect   = "Allow"
        Action   = ["s3:ListBucket"]
        Resource = [var.bucket_arn]
      },
    ],
  )
}

resource "aws_apigatewayv2_api" "this" {
  count         = var.front == "api" ? 1 : 0
  name          = "${var.name}-collect"
  protocol_type = "HTTP"
  description   = "The collector of the lake ${var.name}"
}

resource "aws_apigatewayv2_integration" "this" {
  count                  = var.front == "api" ? 1 : 0
  api_id                 = aws_apigatewayv2_api.this[0].id
  integration_type       = "AWS_PROXY"
  integration_method     = "POST"
  integration_uri        = module.function.invoke_arn
  payload_format_version = "2.0"
  timeout_milliseconds   = 29000
}

resource "aws_apigatewayv2_route" "this" {
  for_each  = var.front == "api" ? toset(["POST /v1/events", "OPTIONS /v1/events", "GET /healthz"]) : toset([])
  api_id    = aws_apigatewayv2_api.this[0].id
  route_key = each.value
  target    = "integrations/${aws_apigatewayv2_integration.this[0].id}"
}

resource "aws_cloudwatch_log_group" "requests" {
  count             = var.front == "api" ? 1 : 0
  name              = "/aws/apigateway/${var.name}-collect"
  retention_in_days = var.common.log_days
  kms_key_id        = var.common.key_arn
}

resource "aws_apigatewayv2_stage" "this" {
  count       = var.front == "api" ? 1 : 0
  api_id      = aws_apigatewayv2_api.this[0].id
  name        = "$default"
  auto_deploy = true

  default_route_settings {
    throttling_rate_limit  = var.rate
    throttling_burst_limit = min(5000, var.rate * 2)
  }

  # Refused requests never reach the function; this is where they show. Neither
  # keys nor bodies are logged.
  access_log_settings {
    destination_arn = aws_cloudwatch_log_group.requests[0].arn
    format = jsonencode({
      time   = "$context.requestTime", request = "$context.requestId", route = "$context.routeKey", status = "$context.status",
      bytes  = "$context.responseLength", latency = "$context.responseLatency", error = "$context.integrationErrorMessage",
      source = "$context.identity.sourceIp"
    })
  }
}

resource "aws_lambda_permission" "api" {
  count         = var.front == "api" ? 1 : 0
  statement_id  = "api"
  action        = "lambda:InvokeFunction"
  function_name = module.function.name
  principal     = "apigateway.amazonaws.com"
  source_arn    = "${aws_apigatewayv2_api.this[0].execution_arn}/*"
}

resource "aws_lambda_function_url" "this" {
  count              = var.front == "url" ? 1 : 0
  function_name      = module.function.name
  authorization_type = "AWS_IAM"
}
