output "name" {
  description = "Name of the queue."
  value       = aws_sqs_queue.this.name
}

output "dead_name" {
  description = "Name of the queue beside it, empty when there is none."
  value       = var.receives == 0 ? "" : aws_sqs_queue.dead[0].name
}

output "url" {
  description = "URL of the queue."
  value       = aws_sqs_queue.this.url
}

output "arn" {
  description = "ARN of the queue, once it may be written to."
  value       = local.arn
  depends_on  = [aws_sqs_queue.this, aws_sqs_queue_policy.this]
}

output "visibility_seconds" {
  description = "How long a message that is being worked on is hidden."
  value       = local.visibility_seconds
}
