package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/local/catalog"
	"github.com/eventlake/lake/local/disk"
	"github.com/eventlake/lake/local/keys"
)

// completer offers a shell what may stand at a place of a command line. What it
// cannot find out it does not offer; nobody would see an error.
type completer = cobra.CompletionFunc

// complete says what the flags and arguments of c and of the commands below it
// take. File names are offered only where one can stand.
func (a *app) complete(c *cobra.Command) {
	flags := c.Flags()
	if !c.HasParent() {
		flags = c.PersistentFlags()
		c.CompletionOptions.SetDefaultShellCompDirective(cobra.ShellCompDirectiveNoFileComp)
	}
	switch c.Name() {
	case "send", "init":
		c.ValidArgsFunction = files()
	case "revoke":
		c.ValidArgsFunction = first(a.offered(a.keyIDs))
	}
	for flag, offer := range a.flagCompleters(c) {
		if flags.Lookup(flag) == nil {
			continue
		}
		if err := c.RegisterFlagCompletionFunc(flag, offer); err != nil {
			panic(err) // the flag was just found
		}
	}
	for _, sub := range c.Commands() {
		a.complete(sub)
	}
}

// flagCompleters are those of all flags of which something is known.
func (a *app) flagCompleters(c *cobra.Command) map[string]completer {
	all := map[string]completer{
		"config": files(), "ca": files(), "output": files(), "truth": files(),
		"data":       cobra.FixedCompletions(nil, cobra.ShellCompDirectiveFilterDirs),
		"speed":      words("max", "1x", "10x"),
		"format":     words("table", "csv", "json", "ndjson", "parquet"),
		"log-level":  words("debug", "info", "warn", "error"),
		"log-format": words("text", "json"),
		"role":       words(string(keys.Write)+"\tsend events", string(keys.Read)+"\tSQL, status", string(keys.Admin)+"\tboth"),
		"reason":     words(reasons()...),
		"table":      a.offered(a.tableNames),
		"type":       a.offered(a.eventTypes),
		"source":     a.offered(a.sourceNames),
	}
	if c.Name() == "replay" {
		all["to"] = files("stream\tthis lake's own", "-\tstandard output")
	}
	return all
}

// words offers these words.
func words(values ...cobra.Completion) completer {
	return cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp)
}

// files offers file names, or the words where one of them is begun.
func files(values ...cobra.Completion) completer {
	return cobra.FixedCompletions(values, cobra.ShellCompDirectiveDefault)
}

// first offers something for the first argument only.
func first(f completer) completer {
	return func(c *cobra.Command, args []string, begun string) ([]cobra.Completion, cobra.ShellCompDirective) {
		if len(args) > 0 {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return f(c, args, begun)
	}
}

// offered offers what is found in the lake of the command line. Nothing is made
// or locked there: who completes a line has not run it.
func (a *app) offered(find func(c *cobra.Command, data string) ([]cobra.Completion, error)) completer {
	return func(c *cobra.Command, _ []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
		cfg, err := a.config()
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		if _, err := os.Stat(filepath.Join(cfg.Data, disk.LockName)); err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		found, err := find(c, cfg.Data)
		if err != nil {
			cobra.CompDebugln(err.Error(), false)
		}
		return found, cobra.ShellCompDirectiveNoFileComp
	}
}

func (a *app) keyIDs(*cobra.Command, string) (out []cobra.Completion, err error) {
	store, err := a.openKeys()
	if err != nil {
		return nil, err
	}
	for _, k := range store.List() {
		if k.Active() {
			out = append(out, cobra.CompletionWithDesc(k.ID, strings.TrimSpace(fmt.Sprintf("%s key of %s %s", k.Role, k.Source, visible(k.Note)))))
		}
	}
	return out, nil
}

func (a *app) tableNames(c *cobra.Command, data string) (out []cobra.Completion, err error) {
	tables, err := catalog.Open(c.Context(), data, catalog.Options{})
	if err != nil {
		return nil, err
	}
	names, err := tables.Tables(c.Context())
	for _, name := range names {
		out = append(out, cobra.Completion(name))
	}
	if closing := tables.Close(); err == nil {
		err = closing
	}
	return out, err
}

// eventTypes are those that raw has directories of.
func (a *app) eventTypes(_ *cobra.Command, data string) (out []cobra.Completion, err error) {
	entries, err := os.ReadDir(filepath.Join(data, "raw"))
	for _, e := range entries {
		if t, ok := strings.CutPrefix(e.Name(), "event_type="); ok {
			out = append(out, t)
		}
	}
	return out, err
}

// sourceNames are those that the configuration names.
func (a *app) sourceNames(*cobra.Command, string) (out []cobra.Completion, err error) {
	cfg, err := a.config()
	for s := range cfg.Sources {
		out = append(out, string(s))
	}
	return out, err
}

func reasons() (out []cobra.Completion) {
	for _, r := range []lake.Reason{lake.ReasonMalformed, lake.ReasonDuplicate, lake.ReasonTooDeep, lake.ReasonTooLarge, lake.ReasonBadID, lake.ReasonNoName,
		lake.ReasonBadName, lake.ReasonNoTime, lake.ReasonBadTime, lake.ReasonOutOfRange, lake.ReasonConflict} {
		out = append(out, string(r))
	}
	return out
}
