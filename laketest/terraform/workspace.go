package terraform

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/laketest/awslocal"
)

// ErrNotInstalled means that Terraform or its AWS provider cannot be had on this
// machine.
var ErrNotInstalled = errors.New("not installed")

// Mirror is the environment variable with a directory of providers, for
// machines that do not reach Terraform's registry.
const Mirror = "LAKE_TF_MIRROR"

// Workspace is a copy of a root module. It is used by one goroutine.
type Workspace struct {
	Dir  string
	env  []string
	vars []string // -var and -var-file
}

// Options says what a workspace is made of.
type Options struct {
	Source string             // directory of the root module, which is copied
	Dir    string             // where the copy goes; it must be empty
	Cloud  *awslocal.Endpoint // what stands for AWS; nil: nothing is asked of it
	// Local keeps the state beside the copy, whatever backend the module has.
	Local bool
}

// New copies the module. Init has to be called before anything else.
func New(o Options) (*Workspace, error) {
	if _, err := exec.LookPath("terraform"); err != nil {
		return nil, lake.Errorf(ErrNotInstalled, "install Terraform 1.11 or later", "terraform")
	}
	if err := os.CopyFS(o.Dir, os.DirFS(o.Source)); err != nil {
		return nil, fmt.Errorf("copy %s: %w", o.Source, err)
	}
	w := &Workspace{Dir: o.Dir, env: append(os.Environ(), "TF_IN_AUTOMATION=1", "TF_CLI_ARGS=-no-color", "CHECKPOINT_DISABLE=1", "AWS_EC2_METADATA_DISABLED=true",
		"AWS_ACCESS_KEY_ID=test", "AWS_SECRET_ACCESS_KEY=test")}
	files := map[string]string{}
	if o.Cloud != nil {
		files["emulated_override.tf"] = providers(o.Cloud.URL)
	}
	if o.Local {
		files["backend_override.tf"] = "terraform {\n  backend \"local\" {}\n}\n"
	}
	if mirror := os.Getenv(Mirror); mirror != "" {
		path, err := filepath.Abs(filepath.Join(o.Dir, ".terraformrc"))
		if err != nil {
			return nil, err
		}
		files[".terraformrc"] = fmt.Sprintf("provider_installation {\n  filesystem_mirror { path = %q }\n}\n", mirror)
		w.env = append(w.env, "TF_CLI_CONFIG_FILE="+path)
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(o.Dir, name), []byte(text), 0o600); err != nil {
			return nil, err
		}
	}
	return w, nil
}

// Set adds values of variables, as name=value.
func (w *Workspace) Set(values ...string) {
	for _, v := range values {
		w.vars = append(w.vars, "-var="+v)
	}
}

// SetFile adds a file of variables, from the copy's directory on.
func (w *Workspace) SetFile(name string) { w.vars = append(w.vars, "-var-file="+name) }

// Packages makes a file of its name for each Lambda, with nothing that runs, and
// sets the variable packages. It is for what never starts a Lambda.
func (w *Workspace) Packages() error {
	dir := filepath.Join(w.Dir, "packages")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	for _, name := range []string{"collect", "ingest", "curate", "replay", "audit"} {
		for _, arch := range []string{"arm64", "amd64"} {
			var b bytes.Buffer
			z := zip.NewWriter(&b)
			f, err := z.Create("bootstrap")
			if err != nil {
				return err
			}
			if _, err := f.Write([]byte(name)); err != nil {
				return err
			}
			if err := z.Close(); err != nil {
				return err
			}
			if err := os.WriteFile(filepath.Join(dir, "lambda-"+name+"-"+arch+".zip"), b.Bytes(), 0o600); err != nil {
				return err
			}
		}
	}
	w.env = append(w.env, "TF_VAR_packages="+dir)
	return nil
}

// Init fetches providers and modules. ErrNotInstalled when the provider cannot be
// had.
func (w *Workspace) Init(ctx context.Context, args ...string) error {
	out, err := w.Run(ctx, append([]string{"init", "-input=false"}, args...)...)
	if err != nil && unreachable(out) {
		return lake.Errorf(ErrNotInstalled, "let the machine reach registry.terraform.io, or set "+Mirror+" to a directory with the provider", "provider hashicorp/aws")
	}
	return err
}

// unreachable tells a registry that is out of reach from all other failures.
func unreachable(out string) bool {
	out = strings.Join(strings.Fields(strings.ReplaceAll(out, "│", " ")), " ") // as it was before it was wrapped
	for _, s := range []string{
		"could not connect to registry.terraform.io", "Could not retrieve the list of available versions",
		"Failed to query available provider packages", "failed to retrieve cryptographic signature",
	} {
		if strings.Contains(out, s) {
			return true
		}
	}
	return false
}

// Run runs a command of Terraform and returns what it printed. An error has the
// end of it.
func (w *Workspace) Run(ctx context.Context, args ...string) (out string, err error) {
	cmd := exec.CommandContext(ctx, "terraform", args...)
	cmd.Dir, cmd.Env = w.Dir, w.env
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) } // so that it gives its lock back
	var b bytes.Buffer
	cmd.Stdout, cmd.Stderr = &b, &b
	if err = cmd.Run(); err != nil {
		const enough = 6000
		text := b.String()
		err = fmt.Errorf("terraform %s: %w\n%s", args[0], err, text[max(0, len(text)-enough):])
	}
	return b.String(), err
}

// with appends the variables to a command.
func (w *Workspace) with(args ...string) []string { return append(args, w.vars...) }

// Apply makes what is configured.
func (w *Workspace) Apply(ctx context.Context) error {
	_, err := w.Run(ctx, w.with("apply", "-input=false", "-auto-approve", "-parallelism=20")...)
	return err
}

// Destroy takes away everything that was made.
func (w *Workspace) Destroy(ctx context.Context) error {
	_, err := w.Run(ctx, w.with("destroy", "-input=false", "-auto-approve", "-parallelism=20")...)
	return err
}

// Changes plans again and returns what Terraform would change, "" when nothing.
func (w *Workspace) Changes(ctx context.Context) (string, error) {
	const changes = 2
	out, err := w.Run(ctx, w.with("plan", "-input=false", "-detailed-exitcode")...)
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.ExitCode() == changes {
		return out, nil
	}
	return "", err
}

// Plan returns what would be made.
func (w *Workspace) Plan(ctx context.Context) (Values, error) {
	if _, err := w.Run(ctx, w.with("plan", "-input=false", "-out=plan")...); err != nil {
		return Values{}, err
	}
	var p struct {
		Planned Values `json:"planned_values"`
	}
	return p.Planned, w.show(ctx, &p, "plan")
}

// State returns what was made.
func (w *Workspace) State(ctx context.Context) (Values, error) {
	var s struct {
		Values Values `json:"values"`
	}
	err := w.show(ctx, &s)
	return s.Values, err
}

// show reads a plan, or the state, as JSON.
func (w *Workspace) show(ctx context.Context, into any, args ...string) error {
	cmd := exec.CommandContext(ctx, "terraform", append([]string{"show", "-json"}, args...)...)
	cmd.Dir, cmd.Env = w.Dir, w.env
	out, err := cmd.Output() // warnings go elsewhere
	if err != nil {
		return fmt.Errorf("terraform show: %w", err)
	}
	return json.Unmarshal(out, into)
}
