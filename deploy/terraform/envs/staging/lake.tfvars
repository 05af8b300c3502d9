# As prod, with less of everything that costs by the hour.
environment      = "staging"
size             = "standard"
shards           = 1
protect          = false
log_days         = 14
crawler_schedule = "cron(15 2 ? * MON *)"
