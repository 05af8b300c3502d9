output "name" {
  description = "Name of the function."
  value       = aws_lambda_function.this.function_name
}

output "arn" {
  description = "ARN of the function."
  value       = "arn:${var.common.partition}:lambda:${var.common.scope}:function:${aws_lambda_function.this.function_name}"
}

output "invoke_arn" {
  description = "ARN by which an API calls the function."
  value       = aws_lambda_function.this.invoke_arn
}

output "log_group" {
  description = "Name of the function's log group."
  value       = aws_cloudwatch_log_group.this.name
}
