// Package terraform runs Terraform over a copy of deploy/terraform, against an
// emulated cloud and never against an account: the copy's providers have
// endpoints of this machine and credentials that are worth nothing.
package terraform
