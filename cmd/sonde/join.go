package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

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

// Flags that are remembered otherwise, or not at all.
var forgotten = []string{"data", "region", "token-file", "no-start", "help"}

// Flags whose values are files, or name them: a later start may be elsewhere.
var fileFlags = []string{"ca-file", "roots"}

// remembered are the flags given, as a later start needs them.
func (f *joinFlags) remembered() (flags map[string][]string, err error) {
	f.set.Visit(func(g *pflag.Flag) {
		if err != nil || slices.Contains(forgotten, g.Name) {
			return
		}
		values := []string{g.Value.String()}
		if list, ok := g.Value.(pflag.SliceValue); ok {
			values = list.GetSlice()
		}
		if slices.Contains(fileFlags, g.Name) {
			values = slices.Clone(values)
			for i := range values {
				values[i], err = absolute(values[i])
			}
		}
		if flags == nil {
			flags = map[string][]string{}
		}
		flags[g.Name] = values
	})
	return flags, err
}

// absolute makes the path absolute that is in FILE or NAME=FILE.
func absolute(text string) (string, error) {
	name, file, named := strings.Cut(text, "=")
	if !named {
		return filepath.Abs(text)
	}
	file, err := filepath.Abs(file)
	return name + "=" + file, err
}

// tell says what was joined.
func (f *joinFlags) tell(w io.Writer, o agentOptions, v *source.Version) {
	fmt.Fprintf(w, "hub           %s\nregion        %s\nprobing       %s, configuration %s\ndata          %s\n",
		f.hub, o.region, counted(len(o.targets(v.Config)), "target"), v.Config.Version, o.data)
	if note := clockNote(v.Ahead); note != "" {
		fmt.Fprintf(w, "clock         %s\n", note)
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
	return fmt.Sprintf("this machine's clock is %s %s the hub's; what it sends is corrected, yet other hosts are not: set it, by NTP best",
		probes.Roughly(ahead.Abs()), where)
}

// goOn makes an agent without --config that of the hub which was joined. What
// the command line and SONDE_TOKEN say comes before what was remembered.
func (f *agentFlags) goOn() error {
	if f.config != "" {
		return nil
	}
	dir, err := f.joinedDir()
	if err != nil {
		return err
	}
	j, err := source.ReadJoined(dir)
	switch {
	case err != nil:
		return err
	case j == nil:
		return fmt.Errorf("--config FILE or URL is needed: the agent of %s has joined no hub; see sonde agent join --help", dir)
	case f.region != "" && f.region != j.Region:
		return fmt.Errorf("--region %s: the agent of %s joined for the region %s", f.region, dir, j.Region)
	}
	f.data, f.region = dir, j.Region
	f.config = j.Hub + source.ConfigPath
	f.hub = cmp.Or(f.hub, j.Hub)
	f.token = cmp.Or(token(), j.Token)
	for name, values := range j.Flags {
		if err := f.restore(name, values); err != nil {
			return fmt.Errorf("%s: --%s: %w", filepath.Join(dir, source.JoinedFile), name, err)
		}
	}
	return nil
}

func (f *agentFlags) restore(name string, values []string) error {
	if f.set.Lookup(name) == nil {
		return errors.New("no such flag")
	}
	if f.set.Changed(name) {
		return nil
	}
	for _, v := range values {
		if err := f.set.Set(name, v); err != nil {
			return err
		}
	}
	return nil
}

// joinedDir returns the directory of the agent that joined: the one given,
// that of the region given, else the only one there is.
func (f *agentFlags) joinedDir() (string, error) {
	if f.data != "" || f.region != "" {
		return agentDir(f.data, f.region)
	}
	state, err := stateDir()
	if err != nil {
		return "", err
	}
	found, err := filepath.Glob(filepath.Join(state, "agent-*", source.JoinedFile))
	if err != nil {
		return "", err
	}
	switch len(found) {
	case 0:
		return "", errors.New("--config FILE or URL is needed, or a hub that was joined: see sonde agent join --help")
	case 1:
		return filepath.Dir(found[0]), nil
	}
	for i := range found {
		found[i] = filepath.Dir(found[i])
	}
	return "", fmt.Errorf("which agent? several joined, name one by --data: %s", strings.Join(found, ", "))
}
