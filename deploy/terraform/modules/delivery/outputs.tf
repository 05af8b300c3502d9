output "name" {
  description = "Name of the delivery stream."
  value       = aws_kinesis_firehose_delivery_stream.this.name
}

output "arn" {
  description = "ARN of the delivery stream."
  value       = "arn:${var.partition}:firehose:${var.scope}:deliverystream/${aws_kinesis_firehose_delivery_stream.this.name}"
}
