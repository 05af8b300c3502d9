# To try things out: cheap, and gone without a trace after terraform destroy.
environment = "dev"
size        = "small"
protect     = false
log_days    = 7

anomaly_dollars = 5
