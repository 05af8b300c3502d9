output "function" {
  description = "Name of the function."
  value       = module.function.name
}

output "mapping" {
  description = "Id of the event source mapping."
  value       = aws_lambda_event_source_mapping.this.uuid
}
