output "function" {
  description = "Name of the function."
  value       = module.function.name
}

output "url" {
  description = "Where events are posted to, with /v1/events behind it."
  value       = trimsuffix(var.front == "api" ? aws_apigatewayv2_api.this[0].api_endpoint : aws_lambda_function_url.this[0].function_url, "/")
}

output "api_id" {
  description = "Id of the HTTP API, empty with a function URL."
  value       = var.front == "api" ? aws_apigatewayv2_api.this[0].id : ""
}
