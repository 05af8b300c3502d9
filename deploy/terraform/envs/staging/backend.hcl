# Where the state lies. The bucket's name and region are named by make deploy.
key          = "lake/staging.tfstate"
encrypt      = true
use_lockfile = true
