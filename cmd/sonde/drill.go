package main

import (
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/sonde-media/sonde/internal/drill"
)

func drillCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "drill",
		Short: "Stage outages with known truth, and score what a hub tells of them",
		Long: `Stage outages with known truth, and score what a hub tells of them.

A drill is a simulated world of podcasts and pages, on loopback addresses of
this machine, in which something goes wrong on purpose: DNS, TLS and HTTP are
real, only the places are not.`,
	}
	c.AddCommand(drillListCommand(), drillRunCommand(), drillServeCommand())
	return c
}

func drillListCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "list",
		Short: "List the drills",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			t := tabwriter.NewWriter(c.OutOrStdout(), 0, 0, 2, ' ', 0)
			fmt.Fprintln(t, "NAME\tSTAGES\tTITLE")
			for _, s := range drill.Scenarios() {
				fmt.Fprintf(t, "%s\t%s\t%s\n", s.Name, staged(s), s.Title)
			}
			return t.Flush()
		},
	}
}

// staged is what goes wrong in s, in a few words.
func staged(s drill.Scenario) string {
	var kinds []string
	for _, f := range s.Faults {
		if kind := strings.ReplaceAll(string(f.Kind), "_", " "); !slices.Contains(kinds, kind) {
			kinds = append(kinds, kind)
		}
	}
	if s.Truth.None {
		kinds = append([]string{"noise only"}, kinds...)
	}
	return strings.Join(kinds, ", ")
}

// scenarios returns those of names.
func scenarios(names []string) (chosen []drill.Scenario, err error) {
	all := drill.Scenarios()
	for _, name := range names {
		at := slices.IndexFunc(all, func(s drill.Scenario) bool { return s.Name == name })
		if at < 0 {
			return nil, usageError{fmt.Errorf("there is no drill %q; sonde drill list lists them", name)}
		}
		chosen = append(chosen, all[at])
	}
	return chosen, nil
}
