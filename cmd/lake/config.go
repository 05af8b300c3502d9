package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/assemble"
	"github.com/eventlake/lake/config"
	"github.com/eventlake/lake/local/disk"
)

// config reads the configuration of a command that works on a lake: of the file
// that --config or LAKE_CONFIG names; else of the file that the lake was last
// run with, so that its events are read by the same rules wherever the command
// is typed; else of ./lake.yaml.
func (a *app) config() (config.Config, error) {
	over := a.overrides()
	file := a.namedConfig()
	if file == "" {
		data, err := a.dataDir(over)
		if err != nil {
			return config.Config{}, err
		}
		if err := mayUse(data); err != nil {
			return config.Config{}, err
		}
		if file, err = a.lastConfig(data); err != nil {
			return config.Config{}, &usageError{err}
		}
		if file != "" {
			over["data"] = data // what led to the file holds, whatever the file says
		}
	}
	return a.load(file, over)
}

// configToRun reads the configuration for lake up, which decides anew what the
// lake is run with: the named file, else ./lake.yaml.
func (a *app) configToRun(over config.Overrides) (config.Config, assemble.LastRun, error) {
	maps.Copy(over, a.overrides())
	run := assemble.LastRun{Config: config.FileName}
	if named := a.namedConfig(); named != "" {
		run.Config = named
	}
	cfg, err := config.LoadToServe(a.namedConfig(), a.env, over)
	if err != nil {
		return cfg, run, &usageError{err}
	}
	if run.Config, err = filepath.Abs(run.Config); err != nil {
		return cfg, run, err
	}
	text, err := os.ReadFile(run.Config)
	if errors.Is(err, fs.ErrNotExist) {
		return cfg, run, nil
	}
	run.Found, run.SHA256 = true, checksum(text)
	return cfg, run, err
}

func (a *app) load(file string, over config.Overrides) (config.Config, error) {
	cfg, err := config.Load(file, a.env, over)
	if err != nil {
		return cfg, &usageError{err}
	}
	return cfg, nil
}

// namedConfig is the file that the caller names; "" when none.
func (a *app) namedConfig() string {
	if a.configFile != "" {
		return a.configFile
	}
	return a.getenv("LAKE_CONFIG")
}

// overrides are the values of the flags that every command has.
func (a *app) overrides() config.Overrides {
	over := config.Overrides{}
	for key, value := range a.flags {
		if *value != "" {
			over[key] = *value
		}
	}
	return over
}

// dataDir finds the data directory without the file that it may name. Where a
// flag or the environment names it, ./lake.yaml is not even read.
func (a *app) dataDir(over config.Overrides) (string, error) {
	if dir := over["data"]; dir != "" {
		return dir, nil
	}
	if dir := a.getenv("LAKE_DATA"); dir != "" {
		return dir, nil
	}
	cfg, err := a.load("", over)
	return cfg.Data, err
}

// lastConfig is the file that the lake in the directory was last run with; ""
// when that is not known, or is ./lake.yaml.
func (a *app) lastConfig(data string) (string, error) {
	run, ok, err := assemble.ReadLastRun(data)
	if err != nil || !ok {
		return "", err
	}
	_, running, err := disk.ReadLock(data)
	if err != nil {
		return "", err
	}
	text, err := os.ReadFile(run.Config)
	gone := errors.Is(err, fs.ErrNotExist)
	if err != nil && !gone {
		return "", fmt.Errorf("read the configuration that the lake was last run with: %w", err)
	}
	if running && checksum(text) != run.SHA256 {
		fmt.Fprintf(a.err, "%s is not as it was when the lake was started; restart the lake to use it\n", run.Config)
	}
	here, err := filepath.Abs(config.FileName)
	switch {
	case err != nil:
		return "", err
	case gone && run.Found && !running:
		return "", lake.Errorf(lake.ErrNotFound, "put it back, or name another: --config FILE ("+os.DevNull+" is the defaults)",
			"the configuration %s, with which the lake in %s was last run", run.Config, data)
	case here == run.Config:
		return "", nil
	}
	file, what := run.Config, run.Config+", with which the lake was last run"
	if gone {
		file, what = os.DevNull, "no configuration file, as the lake was last run"
	}
	// ./lake.yaml does not count, which can be a surprise where it says something
	// else, unless a running lake does the work, by its own configuration.
	if own, err := os.ReadFile(config.FileName); err == nil && !bytes.Equal(own, text) && !running {
		fmt.Fprintf(a.err, "using %s, rather than ./%s; choose with --config\n", what, config.FileName)
	}
	return file, nil
}

// checksum is the SHA-256 of a file's text in hex; "" of none.
func checksum(text []byte) string {
	if text == nil {
		return ""
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}
