environment     = "prod"
size            = "standard"
protect         = true
retention_hours = 72
log_days        = 90

# Who is told. alarm_emails = ["data@example.com"]
