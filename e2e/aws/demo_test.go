package aws

import (
	"bytes"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/eventlake/lake/laketest/awslocal"
)

// TestTheDemoDoesWhatItSays runs what make aws-demo runs, with few events.
func TestTheDemoDoesWhatItSays(t *testing.T) {
	t.Parallel()
	awslocal.Need(t)
	functions := filepath.Dir(bootstrap(t, "ingest"))
	program := filepath.Join(t.TempDir(), "lake-aws-local")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", program, "../../cmd/lake-aws-local").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	var said bytes.Buffer
	cmd := exec.CommandContext(t.Context(), program, "-functions", functions, "-demo", "300")
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := cmd.Run(); err != nil {
		t.Fatalf("%v\n%s", err, said.String())
	}
	for _, text := range []string{"800 real events", "300 generated events", "SIGKILL", "21 Iceberg tables", "SQL and the generator agree", "missing 0, doubled 0", "everything balances"} {
		if !strings.Contains(said.String(), text) {
			t.Errorf("%q is not said:\n%s", text, said.String())
		}
	}
}
