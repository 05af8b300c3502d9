package awslocal

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
)

// bootstraps is the directory of the Lambdas' executables for this machine, as
// make lambdas builds them: what is up to date is not built again.
var bootstraps = sync.OnceValues(func() (string, error) {
	if dir := os.Getenv("LAKE_LAMBDAS"); dir != "" {
		return filepath.Abs(dir)
	}
	root, err := Repository(".")
	if err != nil {
		return "", err
	}
	dir := filepath.Join(root, "bin", "lambda")
	cmd := exec.Command("go", "build", "-tags", "lambda.norpc", "-trimpath", "-buildvcs=false", "-ldflags", "-s -w",
		"-o", dir+string(filepath.Separator), "./cmd/lambda-...")
	cmd.Dir, cmd.Env = root, append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build the Lambdas: %w\n%s", err, out)
	}
	return dir, nil
})

// Bootstrap returns the executable of a Lambda, e.g. of ingest.
func Bootstrap(t testing.TB, name string) string {
	t.Helper()
	dir, err := bootstraps()
	if err != nil {
		t.Fatal(err)
	}
	return filepath.Join(dir, "lambda-"+name)
}
