output "function" {
  description = "Name of the function."
  value       = module.function.name
}

output "queue_arn" {
  description = "ARN of the queue of failed batches, empty when there is none."
  value       = var.drains ? module.queue[0].arn : ""
}

output "queue_url" {
  description = "URL of the queue of failed batches, empty when there is none."
  value       = var.drains ? module.queue[0].url : ""
}

output "dead" {
  description = "Names of the queues with what could not be worked on."
  value       = var.drains ? [module.queue[0].dead_name] : []
}

output "queue" {
  description = "Name of the queue that calls the function, empty when there is none."
  value       = var.drains ? module.queue[0].name : ""
}
