package main

import (
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/sonde-media/sonde/internal/drill"
)

func drillServeCommand() *cobra.Command {
	var o drill.ServeOptions
	c := &cobra.Command{
		Use:   "serve NAME",
		Short: "Serve a drill's world for a game day with hub and agents of your own",
		Long: `Serve a drill's world for a game day with hub and agents of your own.

It prints the configuration, the root certificate and the resolver of each
region to probe the world with, begins the outage after a while, tells what is
staged and when it is mended, and then what an honest report says. The world
stays until Ctrl-C, so that recovery can be seen.

The world's servers listen on loopback addresses from 127.53.0.1 on and, where
a drill has IPv6, on ::1, at a port that was free; its resolvers listen on
127.0.0.1. So agents that probe it run on this machine. Where loopback has
127.0.0.1 alone, as on macOS, the command says what to type first.`,
		Example: `  sonde drill serve expired-leaf --interval 10s --after 2m --dir /tmp/gameday`,
		Args:    cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) (err error) {
			chosen, err := scenarios(args)
			if err != nil {
				return err
			}
			if o.After < 0 || o.Interval != 0 && o.Interval < time.Second {
				return usageError{errors.New("--after must not be negative, and --interval at least 1s")}
			}
			remove := func() error { return nil }
			if o.Dir == "" {
				if o.Dir, err = os.MkdirTemp("", "sonde-drill-"); err != nil {
					return fmt.Errorf("make a directory: %w", err)
				}
				remove = func() error { return os.RemoveAll(o.Dir) }
			} else if err := os.MkdirAll(o.Dir, 0o755); err != nil {
				return fmt.Errorf("make a directory: %w", err)
			}
			o.Out = c.OutOrStdout()
			return errors.Join(drill.Serve(c.Context(), chosen[0], o), remove())
		},
	}
	fs := c.Flags()
	fs.SortFlags = false
	fs.DurationVar(&o.After, "after", time.Minute, "when the outage begins")
	fs.DurationVar(&o.Interval, "interval", 0, "between two runs of a target, at least 1s; the outage's times follow it (default: the drill's own)")
	fs.StringVar(&o.Dir, "dir", "", "write configuration and roots to this `DIR`, and leave them (default: a temporary one, removed at the end)")
	return c
}
