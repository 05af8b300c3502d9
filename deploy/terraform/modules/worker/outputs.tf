output "cluster" {
  description = "Name of the cluster."
  value       = aws_ecs_cluster.this.name
}

output "service" {
  description = "Name of the service."
  value       = aws_ecs_service.this.name
}

output "environment" {
  description = "Environment variables of a worker."
  value       = local.environment
}
