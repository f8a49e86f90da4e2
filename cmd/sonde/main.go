// Command sonde probes the delivery of podcasts and pages: as a check of one
// URL, as an agent in a region, and as the hub that keeps what agents found.
package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"strings"
	"syscall"
	_ "time/tzdata" // windows name zones, and an image from scratch has none

	"github.com/spf13/cobra"

	"github.com/sonde-media/sonde/internal/config"
)

// version is set when a release is linked: -ldflags "-X main.version=v1.2.3".
var version string

// Exit statuses, a contract.
const (
	exitOK      = 0 // ok or degraded
	exitFailed  = 1
	exitUsage   = 2 // usage or configuration
	exitUnknown = 3 // a fault of ours: we couldn't tell
)

func main() {
	os.Exit(run(context.Background(), os.Args[1:], os.Stdout, os.Stderr))
}

// run executes one command line and returns its exit status. The first
// interrupt cancels the command's context, the second kills the process.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop)

	root := rootCommand()
	ran := false
	strict(root, &ran)
	root.SetArgs(args)
	root.SetOut(stdout)
	root.SetErr(stderr)
	cmd, err := root.ExecuteContextC(ctx)
	if err != nil && !ran {
		err = usageError{err}
	}
	return report(stderr, cmd.CommandPath(), err)
}

func rootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:           "sonde",
		Short:         "Probe media delivery the way a listener meets it",
		SilenceUsage:  true,
		SilenceErrors: true,
		Version:       buildVersion(),
	}
	root.SetVersionTemplate("sonde {{.Version}}\n")
	root.AddCommand(
		checkCommand(),
		agentCommand(),
		hubCommand(),
		upCommand(),
		demoCommand(),
		drillCommand(),
		configCommand(),
		deployCommand(),
		incidentCommand(),
		impactCommand(),
		notifyCommand(),
		statusCommand(),
		healthyCommand(),
		versionCommand(),
	)
	return root
}

func versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			_, err := fmt.Fprintln(c.OutOrStdout(), "sonde", buildVersion())
			return err
		},
	}
}

// A usageError is a mistake in the command line or the configuration.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

// An exitError is an exit status about which all has been said already.
type exitError int

func (e exitError) Error() string { return fmt.Sprintf("exit status %d", int(e)) }

// report writes err for people and returns the exit status it comes to.
func report(stderr io.Writer, command string, err error) int {
	if err == nil {
		return exitOK
	}
	if code, ok := errors.AsType[exitError](err); ok {
		return int(code)
	}
	if bad, ok := errors.AsType[config.Errors](err); ok {
		fmt.Fprintln(stderr, bad) // file:line:column first, for editors
		return exitUsage
	}
	fmt.Fprintf(stderr, "sonde: %v\n", err)
	if _, ok := errors.AsType[usageError](err); ok {
		fmt.Fprintf(stderr, "see %s --help\n", command)
		return exitUsage
	}
	return exitFailed
}

// strict makes every command below c refuse arguments it doesn't know, and
// notes in ran that a command's own code was reached: an error before that is
// one of usage.
func strict(c *cobra.Command, ran *bool) {
	switch run := c.RunE; {
	case run != nil:
		c.RunE = func(c *cobra.Command, args []string) error {
			*ran = true
			return run(c, args)
		}
	case c.HasSubCommands():
		c.SuggestionsMinimumDistance = 2
		c.Args = onlySubcommands
		c.RunE = func(c *cobra.Command, _ []string) error { return c.Help() }
	}
	if c.Args == nil {
		c.Args = cobra.NoArgs
	}
	for _, sub := range c.Commands() {
		strict(sub, ran)
	}
}

// onlySubcommands refuses a word that is no subcommand and names the nearest.
func onlySubcommands(c *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	err := fmt.Errorf("unknown command %q", args[0])
	if near := c.SuggestionsFor(args[0]); len(near) > 0 {
		err = fmt.Errorf("%w, did you mean %s?", err, strings.Join(near, " or "))
	}
	return err
}

// buildVersion is the linked version, else what the toolchain recorded.
func buildVersion() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return cmp.Or(version, "unknown")
	}
	return cmp.Or(version, info.Main.Version, "unknown")
}
