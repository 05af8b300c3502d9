// Package cloudsweep injects faults into the lake on AWS: the Lambdas'
// handlers as they are deployed, between stand-ins for what AWS does around
// them (event source mapping, delivery service, notifications, queue). It is
// all tests.
package cloudsweep
