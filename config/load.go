package config

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"reflect"
	"slices"
	"strings"

	"github.com/eventlake/lake"
)

// FileName is the configuration file that is read when none is named.
const FileName = "lake.yaml"

// Overrides are values from flags, as text by key ("stream.shards").
type Overrides map[string]string

// Load reads the configuration: defaults, over them the file at path, over it
// the environment (KEY=value, as os.Environ gives it), over it the overrides.
// An empty path means FileName in the working directory, which need not exist;
// a named file must. All problems come back together as Problems, which is
// lake.ErrInvalid; a file that cannot be read is lake.ErrNotFound or the
// system's error.
func Load(path string, env []string, overrides Overrides) (Config, error) {
	return load(path, env, overrides, (*reader).check)
}

// LoadToServe is Load for the process that serves requests: it looks at the
// files of certificates too, which other commands may not be able to read.
func LoadToServe(path string, env []string, overrides Overrides) (Config, error) {
	return load(path, env, overrides, func(r *reader) {
		r.check()
		r.checkCertificate()
	})
}

func load(path string, env []string, overrides Overrides, check func(*reader)) (Config, error) {
	config := Default()
	r := &reader{config: &config, file: path, origins: map[string]Origin{}}
	if path == "" {
		r.file = FileName
	}
	text, err := os.ReadFile(r.file)
	switch {
	case err == nil:
		r.readYAML(text)
	case !errors.Is(err, fs.ErrNotExist):
		return config, fmt.Errorf("read the configuration: %w", err)
	case path != "":
		return config, lake.Errorf(lake.ErrNotFound, "lake init writes one", "configuration file %s", path)
	}
	r.readEnv(env)
	r.readOverrides(overrides)
	check(r)
	if len(r.problems) > 0 {
		return config, r.problems.sorted()
	}
	return config, nil
}

// readEnv takes LAKE_* variables over what is there.
func (r *reader) readEnv(env []string) {
	byEnv := map[string]field{}
	var names []string
	for _, f := range fields(reflect.ValueOf(r.config).Elem(), "") {
		byEnv[f.env()] = f
		names = append(names, f.env())
	}
	for _, entry := range env {
		name, text, _ := strings.Cut(entry, "=")
		if !strings.HasPrefix(name, "LAKE_") || slices.Contains(otherVariables(), name) {
			continue
		}
		f, ok := byEnv[name]
		if !ok {
			warning := "environment " + name + " is no key and was ignored"
			if near := nearest(name, names); near != "" {
				warning += "; did you mean " + near + "?"
			}
			r.config.Warnings = append(r.config.Warnings, warning)
			continue
		}
		r.override(f, Origin{Layer: FromEnv, Name: name}, text)
	}
}

// otherVariables are the LAKE_ variables that are no keys of the configuration.
func otherVariables() []string {
	return []string{"LAKE_CONFIG", "LAKE_URL", "LAKE_KEY", "LAKE_CA", "LAKE_PYICEBERG", "LAKE_BIN", "LAKE_AWS", "LAKE_TF_MIRROR", "LAKE_TERRAFORM", "LAKE_LAMBDAS"}
}

// readOverrides takes flags over what is there.
func (r *reader) readOverrides(overrides Overrides) {
	for _, f := range fields(reflect.ValueOf(r.config).Elem(), "") {
		if text, ok := overrides[f.key]; ok {
			name := f.key[strings.LastIndexByte(f.key, '.')+1:]
			if strings.HasPrefix(f.key, "log.") {
				name = "log-" + name
			}
			r.override(f, Origin{Layer: FromFlag, Name: name}, text)
		}
	}
}

func (r *reader) override(f field, origin Origin, text string) {
	if what, hint := f.set(text); what != "" {
		r.problems = append(r.problems, Problem{Origin: origin, Key: f.key, What: what, Hint: hint})
		return
	}
	r.origins[f.key] = origin
}
