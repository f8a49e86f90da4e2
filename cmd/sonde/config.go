package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/sonde-media/sonde/internal/config"
)

func configCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "config",
		Short: "Check a configuration",
	}
	c.AddCommand(&cobra.Command{
		Use:   "check FILE",
		Short: "Print every error of a configuration with file, line and column",
		Args:  cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			cfg, err := config.Load(args[0])
			if err == nil {
				_, err = cfg.Wire() // reads the file of roots
			}
			if err != nil {
				// Lines of file:line:column for editors, with nothing before them.
				fmt.Fprintln(c.ErrOrStderr(), err)
				return exitError(exitUsage)
			}
			_, err = fmt.Fprintf(c.OutOrStdout(), "%s: ok, %s\n", args[0], contents(cfg))
			return err
		},
	})
	return c
}

// contents is what a configuration holds, in a line.
func contents(cfg *config.Config) string {
	counts := map[string]int{}
	for _, t := range cfg.Targets {
		counts[t.Kind]++
	}
	var kinds []string
	for _, kind := range config.Kinds() {
		if n := counts[kind]; n > 0 {
			kinds = append(kinds, fmt.Sprintf("%d %s", n, kind))
		}
	}
	targets := counted(len(cfg.Targets), "target")
	if len(kinds) > 0 {
		targets += " (" + strings.Join(kinds, ", ") + ")"
	}
	return fmt.Sprintf("%s, %s, version %s", targets, counted(len(cfg.Regions), "region"), cfg.Version)
}

func counted(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}
