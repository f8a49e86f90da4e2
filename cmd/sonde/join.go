package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/url"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/sonde-media/sonde/internal/source"
	"github.com/sonde-media/sonde/internal/wire"
	"github.com/sonde-media/sonde/probes"
)

type joinFlags struct {
	agentFlags
	tokenFile string
	noStart   bool
}

func joinCommand() *cobra.Command {
	var f joinFlags
	c := &cobra.Command{
		Use:   "join URL",
		Short: "Join a hub and run its agent here: the one command in a new region",
		Long: `Join the hub at URL: take its configuration, check it, remember hub, region,
token and the flags given in the directory --data, and run the agent. After a
restart sonde agent, with the same --data if it was given, goes on from there.

Where the hub runs, sonde hub token create --region NAME issues a token bound to
a region and prints the command to run there. The token is read from the
environment variable SONDE_TOKEN or from a file; there is no flag for it, since
everybody on a machine can read command lines.

It can be run again, as with a new token, but not for another hub or region in
the same directory.`,
		Example: `  SONDE_TOKEN=... sonde agent join https://hub.example:4318
  sonde agent join https://hub.example:4318 --token-file /run/secrets/sonde --no-start`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			log := slog.New(slog.NewTextHandler(c.ErrOrStderr(), nil))
			return f.run(c.Context(), args[0], c.OutOrStdout(), log)
		},
	}
	f.register(c.Flags())
	f.registerOwn(c)
	c.Flags().StringVar(&f.tokenFile, "token-file", "", "read the token from this `FILE`; -: from stdin")
	c.Flags().BoolVar(&f.noStart, "no-start", false, "only join, for tools that set machines up; sonde agent runs it then")
	return c
}

func (f *joinFlags) run(ctx context.Context, hub string, stdout io.Writer, log *slog.Logger) error {
	if err := f.prepare(hub); err != nil {
		return usageError{err}
	}
	o, v, err := f.ask(ctx, log)
	switch {
	case source.Passing(err):
		return fmt.Errorf("join: %w", err)
	case err != nil:
		return usageError{fmt.Errorf("join: %w", err)}
	}
	f.region, f.data = o.region, o.data
	if err := f.save(o, v); err != nil {
		return usageError{err}
	}
	f.tell(stdout, o, v)
	if f.noStart {
		return nil
	}
	return f.agentFlags.run(ctx, log)
}

// prepare checks what was given.
func (f *joinFlags) prepare(hub string) error {
	base, err := hubBase(hub)
	if err != nil {
		return err
	}
	f.hub, f.config = base, base+source.ConfigPath
	if f.tokenFile == "" {
		f.token = token()
		return nil
	}
	f.token, err = readToken(f.tokenFile)
	return err
}

// hubBase is the base URL of a hub, of which somebody may have given the
// configuration's too.
func hubBase(text string) (string, error) {
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" || u.RawQuery != "" || u.Fragment != "" {
		return "", errors.New("want the hub's URL, such as https://hub.example:4318")
	}
	if u.User != nil {
		return "", errors.New("leave the user info out of the URL: the token is read from SONDE_TOKEN or --token-file")
	}
	return strings.TrimRight(strings.TrimSuffix(text, source.ConfigPath), "/"), nil
}

// ask takes the configuration from the hub and sees whether an agent can run
// by it.
func (f *joinFlags) ask(ctx context.Context, log *slog.Logger) (o agentOptions, v *source.Version, err error) {
	w, err := f.netFlags.options(wire.Options{})
	if err != nil {
		return o, nil, err
	}
	s, err := source.New(f.config, source.Options{Token: f.token, Roots: w.Roots})
	if err != nil {
		return o, nil, err
	}
	if v, err = s.Once(ctx); err != nil {
		return o, nil, err
	}
	if o, err = f.options(agentOptions{log: log}, v); err == nil {
		_, err = o.network(v.Config) // reads the files of roots
	}
	return o, v, err
}

// save remembers in the data directory what was joined, unless an agent of
// another hub or region has it, or one that runs.
func (f *joinFlags) save(o agentOptions, v *source.Version) error {
	before, err := source.ReadJoined(o.data)
	if err != nil {
		return err
	}
	if before != nil && (before.Hub != f.hub || before.Region != o.region) {
		return fmt.Errorf("data directory %s: it is that of the agent in %s of %s; give this one another by --data, or remove %s to have it join anew",
			o.data, before.Region, before.Hub, filepath.Join(o.data, source.JoinedFile))
	}
	release, err := o.takeData()
	if err != nil {
		return err
	}
	defer release()
	flags, err := f.remembered()
	if err != nil {
		return err
	}
	j := &source.Joined{Hub: f.hub, Region: o.region, Token: f.token, Flags: flags}
	if err := errors.Join(source.Keep(o.data, f.config, v), j.Save(o.data)); err != nil {
		return fmt.Errorf("data directory: %w", err)
	}
	return nil
}

// tell says what was joined.
func (f *joinFlags) tell(w io.Writer, o agentOptions, v *source.Version) {
	fmt.Fprintf(w, "hub           %s\nregion        %s\nprobing       %s, configuration %s\ndata          %s\n",
		f.hub, o.region, counted(len(o.targets(v.Config)), "target"), v.Config.Version, o.data)
	if note := clockNote(v.Ahead); note != "" {
		fmt.Fprintf(w, "clock         %s\n", note)
	}
	if f.token != "" && strings.HasPrefix(f.hub, "http:") && isRemote(probes.Target{URL: f.hub}) {
		fmt.Fprintln(w, "caution       by http the token travels in the clear; use https, or a network you trust")
	}
	fmt.Fprintf(w, "after a restart run: sonde agent --data %s\n", o.data)
}

// clockFar is from when on a clock is said to be off, although times are
// corrected.
const clockFar = time.Minute

func clockNote(ahead time.Duration) string {
	where := "ahead of"
	if ahead < 0 {
		where = "behind"
	}
	if ahead.Abs() < clockFar {
		return ""
	}
	return fmt.Sprintf("this machine's is %s %s the hub's: what is sent is corrected, but set it, best by NTP",
		probes.Roughly(ahead.Abs()), where)
}
