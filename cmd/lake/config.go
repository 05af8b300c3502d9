package main

import (
	"bytes"
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
	cfg, err := a.load(a.namedConfig(), over)
	if err != nil {
		return cfg, run, err
	}
	if run.Config, err = filepath.Abs(run.Config); err != nil {
		return cfg, run, err
	}
	run.Found, err = exists(run.Config)
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
	here, err := filepath.Abs(config.FileName)
	if err != nil || here == run.Config {
		return "", err
	}
	there, err := os.ReadFile(run.Config)
	if errors.Is(err, fs.ErrNotExist) {
		if !run.Found {
			a.noteConfig(data, "no configuration file, as the lake was last run", nil)
			return os.DevNull, nil
		}
		return "", lake.Errorf(lake.ErrNotFound, "put it back, or name another: --config FILE ("+os.DevNull+" is the defaults)",
			"the configuration %s, with which the lake in %s was last run", run.Config, data)
	}
	if err != nil {
		return "", fmt.Errorf("read the configuration that the lake was last run with: %w", err)
	}
	a.noteConfig(data, run.Config+", with which the lake was last run", there)
	return run.Config, nil
}

// noteConfig says that ./lake.yaml does not count, where that can be a
// surprise: it is there, it says something else, and no running lake, whose
// configuration counts anyway, does the work.
func (a *app) noteConfig(data, instead string, text []byte) {
	own, err := os.ReadFile(config.FileName)
	if err != nil || bytes.Equal(own, text) {
		return
	}
	if _, held, err := disk.ReadLock(data); err != nil || held {
		return
	}
	fmt.Fprintf(a.err, "using %s, rather than ./%s; choose with --config\n", instead, config.FileName)
}

func exists(path string) (bool, error) {
	_, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}
