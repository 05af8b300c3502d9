// Package aws holds the end-to-end tests of a lake on AWS: the Lambdas'
// unmodified bootstraps on an emulated cloud (see laketest/awslocal), held
// against the lake on one machine and against the events that were sent.
package aws

import (
	"os"
	"strconv"
	"testing"

	"github.com/eventlake/lake/laketest/awslocal"
)

// bootstrap returns the executable of a Lambda.
func bootstrap(t testing.TB, name string) string {
	t.Helper()
	return awslocal.Bootstrap(t, name)
}

// amount is a number of events that the environment may raise.
func amount(t testing.TB, name string, otherwise int) int {
	t.Helper()
	s := os.Getenv(name)
	if s == "" {
		return otherwise
	}
	n, err := strconv.Atoi(s)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return n
}
