package terraform

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/laketest/awslocal"
)

// Open copies deploy/terraform, or the root module below it, for one test, with
// packages that do not run and a state beside it, and fetches providers. Where
// Terraform or its provider is not to be had the test is skipped; when they are
// and do not work it fails.
func Open(t testing.TB, below string, cloud *awslocal.Endpoint) *Workspace {
	t.Helper()
	w := prepare(t, below, cloud, true)
	must(t, w.Init(t.Context()))
	return w
}

// OpenRemote is Open with the state in a bucket of the cloud, as the backend file
// of an environment says it.
func OpenRemote(t testing.TB, environment, bucket string, cloud *awslocal.Endpoint) *Workspace {
	t.Helper()
	w := prepare(t, ".", cloud, false)
	file := filepath.Join(w.Dir, "emulated.hcl")
	if err := os.WriteFile(file, []byte(backend(cloud.URL, bucket)), 0o600); err != nil {
		t.Fatal(err)
	}
	must(t, w.Init(t.Context(), "-backend-config="+filepath.Join("envs", environment, "backend.hcl"), "-backend-config="+file))
	w.SetFile(filepath.Join("envs", environment, "lake.tfvars"))
	return w
}

func prepare(t testing.TB, below string, cloud *awslocal.Endpoint, local bool) *Workspace {
	t.Helper()
	root, err := awslocal.Repository(".")
	if err != nil {
		t.Fatal(err)
	}
	w, err := New(Options{Source: filepath.Join(root, "deploy", "terraform", below), Dir: filepath.Join(t.TempDir(), "terraform"), Cloud: cloud, Local: local})
	must(t, err)
	if err := w.Packages(); err != nil {
		t.Fatal(err)
	}
	return w
}

func must(t testing.TB, err error) {
	t.Helper()
	switch {
	case errors.Is(err, ErrNotInstalled):
		t.Skipf("NOT TESTED with Terraform: %v; %s", err, lake.Hint(err))
	case err != nil:
		t.Fatal(err)
	}
}
