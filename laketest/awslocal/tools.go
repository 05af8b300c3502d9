package awslocal

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/eventlake/lake"
)

// ErrNotInstalled means that an emulator is missing on this machine.
var ErrNotInstalled = errors.New("not installed")

// Tools says where the emulators are installed; `make emulators` puts them into
// .tools of the repository.
type Tools struct {
	Python      string // an interpreter that has moto
	NodeModules string // the directory node_modules that has kinesalite
}

// FindTools looks for the emulators in the repository around dir.
func FindTools(dir string) (Tools, error) {
	root, err := Repository(dir)
	if err != nil {
		return Tools{}, err
	}
	return Tools{
		Python:      filepath.Join(root, ".tools", "moto", "bin", "python"),
		NodeModules: filepath.Join(root, ".tools", "kinesalite", "node_modules"),
	}, nil
}

// need returns ErrNotInstalled with the way to get it when path is missing.
func need(name, path string) error {
	if _, err := os.Stat(path); err != nil {
		return lake.Errorf(ErrNotInstalled, "run make emulators", "%s at %s", name, path)
	}
	return nil
}

// Repository returns the directory of this module's go.mod, dir or above it.
func Repository(dir string) (string, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return "", fmt.Errorf("find the repository: %w", err)
	}
	for at := dir; ; at = filepath.Dir(at) {
		mod, err := os.ReadFile(filepath.Join(at, "go.mod"))
		if err == nil && bytes.HasPrefix(mod, []byte("module github.com/eventlake/lake\n")) {
			return at, nil
		}
		if at == filepath.Dir(at) {
			return "", lake.Errorf(lake.ErrNotFound, "start it inside a checkout of the repository", "go.mod of the lake at or above %s", dir)
		}
	}
}
