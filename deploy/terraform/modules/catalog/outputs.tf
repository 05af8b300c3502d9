output "database" {
  description = "Name of the database of the tables."
  value       = aws_glue_catalog_database.tables.name
}

output "raw_database" {
  description = "Name of the database of raw: the table raw, and what the crawler finds."
  value       = aws_glue_catalog_database.raw.name
}

output "arns" {
  description = "ARNs that a program needs to work on the tables: the catalog, the database and its tables."
  value = [
    local.catalog_arn,
    "arn:${var.partition}:glue:${var.scope}:database/${local.databases.tables}",
    "arn:${var.partition}:glue:${var.scope}:table/${local.databases.tables}/*",
  ]
}

output "crawler" {
  description = "Name of the crawler, empty when there is none."
  value       = var.crawls ? aws_glue_crawler.raw[0].name : ""
}

output "workgroup" {
  description = "Name of the workgroup of Athena."
  value       = aws_athena_workgroup.this.name
}

output "reader_policy" {
  description = "ARN of the policy of those who ask questions."
  value       = aws_iam_policy.reader.arn
}
