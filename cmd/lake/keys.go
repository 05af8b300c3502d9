package main

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/local/disk"
	"github.com/eventlake/lake/local/keys"
)

func newKeys(a *app) *cobra.Command {
	c := &cobra.Command{
		Use: "keys", Short: "Make, list and revoke access keys",
		Long: `A key says who sends or asks. A write key belongs to one source: what it sends is read by that source's
mapping. Keys are asked for wherever other machines can reach the lake (keys.required). Only a hash of a key is
kept, so it is shown once. A running lake notices changes within a second.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(newKeysCreate(a), newKeysList(a), newKeysRevoke(a))
	return c
}

// keyView is a key as the commands show it.
type keyView struct {
	ID      string        `json:"id"`
	Source  lake.SourceID `json:"source,omitempty"`
	Role    keys.Role     `json:"role"`
	Note    string        `json:"note,omitempty"`
	Created time.Time     `json:"created"`
	Revoked *time.Time    `json:"revoked,omitempty"`
	Secret  string        `json:"secret,omitempty"` // only when it was just made
}

func viewKey(k keys.Key) keyView {
	v := keyView{ID: k.ID, Source: k.Source, Role: k.Role, Note: k.Note, Created: k.Created.Time()}
	if !k.Active() {
		revoked := k.Revoked.Time()
		v.Revoked = &revoked
	}
	return v
}

func (a *app) openKeys() (*keys.Store, error) {
	cfg, err := a.config()
	if err != nil {
		return nil, err
	}
	s, err := keys.Open(disk.OS{}, cfg.Data, keys.Options{Logger: a.quiet(cfg)})
	return s, mayWrite(err)
}

func newKeysCreate(a *app) *cobra.Command {
	var source, role, note string
	c := &cobra.Command{
		Use: "create", Short: "Make a key and print its secret, this once",
		Example: "  lake keys create --source shop --note \"web front end\"\n  lake keys create --role read\n  KEY=$(lake keys create --source github)",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if err := keys.Role(role).Validate(); err != nil {
				return &usageError{err}
			}
			if err := lake.SourceID(source).Validate(); err != nil {
				return &usageError{err}
			}
			store, err := a.openKeys()
			if err != nil {
				return err
			}
			secret, key, err := store.Create(lake.SourceID(source), keys.Role(role), note)
			if err != nil {
				return mayWrite(err)
			}
			v := viewKey(key)
			if v.Secret = secret; a.json {
				return a.printJSON(v)
			}
			fmt.Fprintln(a.out, secret)
			fmt.Fprintf(a.err, "%s key %s for source %s; it cannot be shown again\n", key.Role, key.ID, key.Source)
			return nil
		},
	}
	c.Flags().StringVar(&source, "source", string(lake.DefaultSource), "whose events it sends; see sources in lake.yaml")
	c.Flags().StringVar(&role, "role", string(keys.Write), "write (send events), read (SQL, status) or admin (both)")
	c.Flags().StringVar(&note, "note", "", "for people: who has it, what for")
	return c
}

func newKeysList(a *app) *cobra.Command {
	return &cobra.Command{
		Use: "list", Short: "List all keys, without their secrets",
		Example: "  lake keys list\n  lake keys list --json", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			store, err := a.openKeys()
			if err != nil {
				return err
			}
			views := []keyView{}
			var rows [][]any
			for _, k := range store.List() {
				v := viewKey(k)
				views = append(views, v)
				state := "active"
				if v.Revoked != nil {
					state = "revoked " + v.Revoked.Format(time.DateTime)
				}
				rows = append(rows, []any{v.ID, v.Source, v.Role, v.Created.Format(time.DateTime), state, v.Note})
			}
			if a.json {
				return a.printJSON(views)
			}
			if len(rows) == 0 {
				fmt.Fprintln(a.out, "no keys; make one with: lake keys create --source NAME")
				return nil
			}
			printTable(a.out, []any{"key", "source", "role", "created (UTC)", "state", "note"}, rows)
			return nil
		},
	}
}

func newKeysRevoke(a *app) *cobra.Command {
	return &cobra.Command{
		Use: "revoke KEY", Short: "Make a key stop working",
		Example: "  lake keys revoke 3f9c2a71", Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			store, err := a.openKeys()
			if err != nil {
				return err
			}
			key, err := store.Revoke(args[0])
			if err != nil {
				return err
			}
			if a.json {
				return a.printJSON(viewKey(key))
			}
			fmt.Fprintf(a.out, "key %s is revoked\n", key.ID)
			return nil
		},
	}
}
