output "claims_name" {
  description = "Name of the claims' table, empty when there is none."
  value       = var.claims ? aws_dynamodb_table.this["claims"].name : ""
}

output "ledger_name" {
  description = "Name of the ledger's table."
  value       = aws_dynamodb_table.this["ledger"].name
}

output "leases_name" {
  description = "Name of the leases' table, empty when there is none."
  value       = var.leases ? aws_dynamodb_table.this["leases"].name : ""
}

output "arn" {
  description = "ARN of each table, by its part of the name."
  value       = { for t, _ in local.tables : t => "arn:${var.partition}:dynamodb:${var.scope}:table/${aws_dynamodb_table.this[t].name}" }
}
