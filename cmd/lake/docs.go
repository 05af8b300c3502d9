package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/config"
)

// newDocs is for make docs, not for users.
func newDocs() *cobra.Command {
	return &cobra.Command{
		Use: "docs DIR", Short: "Write the generated parts of the documents", Hidden: true, Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			cli := commandReference(c.Root())
			if err := os.WriteFile(filepath.Join(args[0], "cli.md"), []byte(cli), 0o644); err != nil {
				return err
			}
			return replaceBetween(filepath.Join(args[0], "configuration.md"),
				"<!-- keys: written by make docs -->\n", "<!-- keys: end -->", config.Reference())
		},
	}
}

// replaceBetween puts text between two marks of a file.
func replaceBetween(path, begin, end, text string) error {
	old, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	before, rest, ok := bytes.Cut(old, []byte(begin))
	_, after, found := bytes.Cut(rest, []byte(end))
	if !ok || !found {
		return lake.Errorf(lake.ErrInvalid, "put the two marks back", "%s has no %q and %q", path, strings.TrimSpace(begin), end)
	}
	whole := string(before) + begin + text + end + string(after)
	return os.WriteFile(path, []byte(whole), 0o644)
}

// commandReference is every command with its flags in Markdown.
func commandReference(root *cobra.Command) string {
	var b strings.Builder
	b.WriteString("# Commands\n\n<!-- written by make docs from the commands themselves -->\n\n")
	fmt.Fprintf(&b, "Every command takes these flags:\n\n```\n%s```\n\n", root.PersistentFlags().FlagUsages())
	for _, c := range root.Commands() {
		if c.Name() == "exit-codes" {
			fmt.Fprintf(&b, "```\n%s\n```\n\n", c.Long)
		}
	}
	writeCommands(&b, root, "##")
	return strings.TrimRight(b.String(), "\n") + "\n"
}

// writeCommands writes the commands below c, and those below them.
func writeCommands(b *strings.Builder, c *cobra.Command, heading string) {
	for _, sub := range c.Commands() {
		if sub.Hidden || !sub.Runnable() && !sub.HasSubCommands() || sub.Name() == "help" {
			continue
		}
		fmt.Fprintf(b, "%s %s\n\n", heading, sub.CommandPath())
		fmt.Fprintf(b, "%s.\n\n", strings.TrimSuffix(sub.Short, "."))
		if sub.Runnable() && !sub.HasSubCommands() {
			fmt.Fprintf(b, "```\n%s\n```\n\n", sub.UseLine())
		}
		if sub.Long != "" && sub.Name() != "completion" && (sub.Parent() == nil || sub.Parent().Name() != "completion") {
			b.WriteString(strings.TrimSpace(sub.Long) + "\n\n")
		}
		if sub.Example != "" {
			fmt.Fprintf(b, "```sh\n%s\n```\n\n", unindent(sub.Example))
		}
		if flags := sub.LocalNonPersistentFlags(); flags.HasAvailableFlags() {
			fmt.Fprintf(b, "```\n%s```\n\n", flags.FlagUsages())
		}
		writeCommands(b, sub, heading+"#")
	}
}

func unindent(text string) string {
	return strings.TrimPrefix(strings.ReplaceAll(text, "\n  ", "\n"), "  ")
}
