// Package aws holds the end-to-end tests of a lake on AWS: the Lambdas'
// unmodified bootstraps on an emulated cloud (see laketest/awslocal), held
// against the lake on one machine and against the events that were sent.
package aws

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
)

// built is the directory of the bootstraps, as make lambdas builds them: what is
// up to date is not built again.
var built = sync.OnceValues(func() (string, error) {
	dir := os.Getenv("LAKE_LAMBDAS")
	if dir != "" {
		return filepath.Abs(dir)
	}
	dir = filepath.Join("..", "..", "bin", "lambda")
	cmd := exec.Command("go", "build", "-tags", "lambda.norpc", "-trimpath", "-buildvcs=false", "-ldflags", "-s -w",
		"-o", dir+string(filepath.Separator), "../../cmd/lambda-...")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build the Lambdas: %w\n%s", err, out)
	}
	return filepath.Abs(dir)
})

// bootstrap returns the executable of a Lambda.
func bootstrap(t testing.TB, name string) string {
	t.Helper()
	dir, err := built()
	if err != nil {
		t.Fatal(err)
	}
	return filepath.Join(dir, "lambda-"+name)
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
