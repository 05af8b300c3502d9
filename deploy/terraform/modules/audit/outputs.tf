output "function" {
  description = "Name of the function."
  value       = module.function.name
}

output "gap_metric" {
  description = "Name of the metric of problems in the books, in the namespace Eventlake/Errors."
  value       = aws_cloudwatch_log_metric_filter.gap.metric_transformation[0].name
}
