package main

import (
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/config"
)

func newInit(a *app) *cobra.Command {
	var force bool
	c := &cobra.Command{
		Use: "init [FILE]", Short: "Write a lake.yaml with every key, its meaning and its default",
		Long:    "Write a configuration file in which everything is commented out: as it is, it changes nothing. - is standard\noutput. An existing file is left alone unless --force is given.",
		Example: "  lake init\n  lake init -\n  lake init /etc/lake.yaml",
		Args:    cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) (err error) {
			path := config.FileName
			if len(args) == 1 {
				path = args[0]
			}
			if path == "-" {
				_, err := fmt.Fprint(a.out, config.Example())
				return err
			}
			mode := os.O_CREATE | os.O_WRONLY | os.O_EXCL
			if force {
				mode = os.O_CREATE | os.O_WRONLY | os.O_TRUNC
			}
			file, err := os.OpenFile(path, mode, 0o644)
			if errors.Is(err, os.ErrExist) {
				return lake.Errorf(lake.ErrExists, "use --force to replace it, or - to print", "%s", path)
			}
			if err != nil {
				return err
			}
			_, err = file.WriteString(config.Example())
			if err = errors.Join(err, file.Close()); err != nil {
				return err
			}
			fmt.Fprintf(a.err, "wrote %s; lake up in this directory reads it\n", path)
			return nil
		},
	}
	c.Flags().BoolVar(&force, "force", false, "replace an existing file")
	return c
}
