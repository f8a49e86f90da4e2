package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/sonde-media/sonde/internal/config"
	"github.com/sonde-media/sonde/probes"
)

func configCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "config",
		Short: "Check a configuration, show what it comes to, or print its schema",
	}
	c.AddCommand(configCheckCommand(), configShowCommand(), configSchemaCommand())
	return c
}

func configCheckCommand() *cobra.Command {
	return &cobra.Command{
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
			return summarize(c.OutOrStdout(), args[0], cfg)
		},
	}
}

func configShowCommand() *cobra.Command {
	var region string
	var asJSON bool
	c := &cobra.Command{
		Use:   "show FILE",
		Short: "Print a configuration as it takes effect, without secrets",
		Long: `Print a configuration as it takes effect: with the targets of files that it
includes and the defaults of all that it leaves out. Variables stand by their
names, and what runs don't record is REDACTED.`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			e, err := config.LoadEffective(args[0], region)
			if err != nil {
				return usageError{err}
			}
			return showConfig(c.OutOrStdout(), e, asJSON)
		},
	}
	c.Flags().StringVar(&region, "region", "", "only what the agents of region `NAME` probe")
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return c
}

func showConfig(w io.Writer, e *config.Effective, asJSON bool) error {
	if asJSON {
		text, err := e.JSON()
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(w, "%s\n", text)
		return err
	}
	text, err := e.YAML()
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(w, "# version %s\n%s", e.Version, text)
	return err
}

func configSchemaCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "schema",
		Short: "Print the JSON schema of configurations, for editors",
		Long: `Print the JSON schema of configurations (draft 7). Editors with a YAML language
server complete and check by it, where the file begins with the line

  # yaml-language-server: $schema=sonde.schema.json`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			text, err := config.Schema()
			if err != nil {
				return err
			}
			_, err = fmt.Fprintf(c.OutOrStdout(), "%s\n", text)
			return err
		},
	}
}

// summarize prints what a configuration holds: a line, and one more for each
// file that it includes and each region that doesn't probe everything.
func summarize(w io.Writer, file string, cfg *config.Config) error {
	lines := []string{fmt.Sprintf("%s: ok, %s", file, contents(cfg))}
	for _, inc := range cfg.Includes {
		lines = append(lines, fmt.Sprintf("  from %s: %s", inc.File, counted(inc.Targets, "target")))
	}
	for _, region := range slices.Sorted(maps.Keys(cfg.Regions)) {
		if targets := cfg.For(region); len(targets) < len(cfg.Targets) {
			lines = append(lines, fmt.Sprintf("  in %s: %s", region, byKind(targets)))
		}
	}
	_, err := fmt.Fprintln(w, strings.Join(lines, "\n"))
	return err
}

// contents is what a configuration holds, in a line.
func contents(cfg *config.Config) string {
	paused, kept := 0, 0
	for _, t := range cfg.Targets {
		if t.Paused {
			paused++
		}
		if len(t.Windows) > 0 {
			kept++
		}
	}
	parts := []string{byKind(cfg.Targets)}
	if paused > 0 {
		parts = append(parts, fmt.Sprintf("%d paused", paused))
	}
	if kept > 0 {
		parts = append(parts, fmt.Sprintf("%d with maintenance", kept))
	}
	parts = append(parts, counted(len(cfg.Regions), "region"), "version "+cfg.Version)
	return strings.Join(parts, ", ")
}

// byKind counts targets: 3 targets (2 feed, 1 page).
func byKind(targets []probes.Target) string {
	counts := map[string]int{}
	for _, t := range targets {
		counts[t.Kind]++
	}
	var kinds []string
	for _, kind := range config.Kinds() {
		if n := counts[kind]; n > 0 {
			kinds = append(kinds, fmt.Sprintf("%d %s", n, kind))
		}
	}
	text := counted(len(targets), "target")
	if len(kinds) > 0 {
		text += " (" + strings.Join(kinds, ", ") + ")"
	}
	return text
}

func counted(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}
