package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/sonde-media/sonde/internal/agent"
	"github.com/sonde-media/sonde/internal/config"
	"github.com/sonde-media/sonde/internal/source"
	"github.com/sonde-media/sonde/internal/wire"
)

type agentFlags struct {
	netFlags
	config, hub, data, metrics string

	token string // for the hub, in place of SONDE_TOKEN
}

func agentCommand() *cobra.Command {
	var f agentFlags
	c := &cobra.Command{
		Use:   "agent --config FILE|URL [--hub URL] [--region NAME] [--data DIR]",
		Short: "Run one region's agent",
		Long: `Run one region's agent: probe the targets of a configuration on schedule and
send what was found to a hub.

In a new region the one command is sonde agent join. It keeps in the directory
--data what the agent needs, so that sonde agent alone goes on from there.

A configuration is a file, which is read again when it or a file that it names
changes, or a URL, such as a hub's /api/v1/config, which is asked every half
minute. SIGHUP makes the agent look at once. A version with errors is refused,
all of them are logged, and the one before stays. The last good one of a URL is
kept in --data and used where the agent starts while the hub is away. Where
hub, otlp, spool, witnesses or the region's place change, that counts from the
next start.

While the hub is away runs wait on the disk, in the directory --data, for at
most 24 hours and 1 GiB: those of 1,000 targets every 10 s for two to five
hours. The key spool bounds it otherwise. What is over is dropped, the oldest
first, and counted. Every agent needs a directory of
its own. The token for the hub is read from the environment variable
SONDE_TOKEN.

With --metrics the address serves /healthz too, which answers 200 while the
agent runs, and /readyz, which does once a configuration runs.`,
		Example: `  sonde agent --config sonde.yaml --hub https://hub.example:4318 --region eu-west
  sonde agent --config https://hub.example:4318/api/v1/config --region eu-west
  sonde agent`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return f.run(c.Context(), slog.New(slog.NewTextHandler(c.ErrOrStderr(), nil)))
		},
	}
	f.register(c.Flags())
	c.Flags().StringVar(&f.config, "config", "", "configuration `FILE` or URL (default: that of the hub which was joined)")
	c.Flags().StringVar(&f.hub, "hub", "", "`URL` of the hub (default: hub in the configuration, else whose URL --config is)")
	f.registerOwn(c)
	c.AddCommand(joinCommand())
	return c
}

// registerOwn adds the flags that joining has too.
func (f *agentFlags) registerOwn(c *cobra.Command) {
	c.Flags().StringVar(&f.data, "data", "", "`DIR` for runs not yet sent (default ~/.local/state/sonde/agent-REGION)")
	c.Flags().StringVar(&f.metrics, "metrics", "", "serve /metrics for Prometheus, /healthz and /readyz on this `ADDR`, as 127.0.0.1:9464")
}

// run runs the agent until ctx ends. What it serves about itself is there from
// the beginning: waiting for a hub is no illness.
func (f *agentFlags) run(ctx context.Context, log *slog.Logger) error {
	look, stop := hangups()
	defer stop()
	if err := f.goOn(); err != nil {
		return usageError{err}
	}
	if f.metrics == "" {
		return f.start(ctx, look, agentOptions{log: log})
	}
	registry, health := newRegistry(), &health{}
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return serveMetrics(ctx, f.metrics, registry, health, log) })
	g.Go(func() error {
		return f.start(ctx, look, agentOptions{registry: registry, health: health, log: log})
	})
	return g.Wait()
}

// hangups returns the signals that ask for a look at the configuration. From
// here on they don't end the process.
func hangups() (signals <-chan os.Signal, stop func()) {
	c := make(chan os.Signal, 1)
	signal.Notify(c, syscall.SIGHUP)
	return c, func() { signal.Stop(c) }
}

// start waits for a configuration and runs the agent by it. base holds what
// doesn't come from there.
func (f *agentFlags) start(ctx context.Context, look <-chan os.Signal, base agentOptions) error {
	agent.SaveCPU()
	s, err := f.source(base.log)
	if err != nil {
		return usageError{err}
	}
	defer s.Close()
	var o agentOptions
	err = s.First(ctx, func(v *source.Version) error {
		o, err = f.options(base, v)
		return err
	})
	switch {
	case ctx.Err() != nil:
		return nil
	case err != nil:
		return usageError{err}
	}
	o.updates = func(ctx context.Context, accept func(*config.Config) error) {
		s.Watch(ctx, look, func(v *source.Version) error { return accept(v.Config) })
	}
	return runAgent(ctx, o)
}

// source returns where the configuration comes from.
func (f *agentFlags) source(log *slog.Logger) (*source.Source, error) {
	o := source.Options{Log: log}
	if !source.IsURL(f.config) {
		return source.New(f.config, o)
	}
	if f.data == "" && f.region == "" {
		return nil, errors.New("with a URL --region NAME or --data DIR is needed: what came last is kept there")
	}
	w, err := f.netFlags.options(wire.Options{})
	if err != nil {
		return nil, err
	}
	o.Roots = w.Roots
	if f.fromHub() {
		o.Token = f.bearer()
	}
	if o.Dir, err = agentDir(f.data, f.region); err != nil {
		return nil, err
	}
	s, err := source.New(f.config, o)
	if err != nil {
		return nil, fmt.Errorf("--config: %w", err)
	}
	return s, nil
}

// fromHub reports whether the configuration's URL is the hub's, so that it is
// shown the token: where no hub is named it must look like a hub's.
func (f *agentFlags) fromHub() bool {
	if f.hub == "" {
		return strings.HasSuffix(f.config, source.ConfigPath)
	}
	return sameOrigin(f.hub, f.config)
}

// sameOrigin reports whether two URLs lead to the same server: a token for one
// isn't shown to another.
func sameOrigin(a, b string) bool {
	u, err := url.Parse(a)
	v, err2 := url.Parse(b)
	return err == nil && err2 == nil && u.Scheme == v.Scheme && u.Host == v.Host
}

// bearer is the token for the hub.
func (f *agentFlags) bearer() string { return cmp.Or(f.token, token()) }

// options puts the command line over what v says.
func (f *agentFlags) options(base agentOptions, v *source.Version) (o agentOptions, err error) {
	o = base
	o.config, o.network, o.timeout = v.Config, f.network, f.timeout
	o.token, o.otlp, o.hub = f.bearer(), f.otlp, f.hub
	if hub, ok := strings.CutSuffix(f.config, source.ConfigPath); ok && o.hub == "" && v.Config.Hub == "" && source.IsURL(hub) {
		o.hub = hub
	}
	if o.region, err = f.regionOf(v); err != nil {
		return o, err
	}
	if o.data, err = agentDir(f.data, o.region); err != nil {
		return o, err
	}
	return o, o.check(v.Config)
}

// regionOf is where the agent stands: what it is told, else what its token is
// bound to, else what the configuration says.
func (f *agentFlags) regionOf(v *source.Version) (string, error) {
	if f.region != "" && v.Region != "" && f.region != v.Region {
		return "", fmt.Errorf("--region %s: the token is bound to the region %s; use it there, or have one issued for %s", f.region, v.Region, f.region)
	}
	if region := cmp.Or(f.region, v.Region, v.Config.Region); region != "" {
		return region, nil
	}
	return "", errors.New("--region NAME is needed, or the key region in the configuration" + choice(v.Config))
}

// network is what cfg says of the network, with the flags put over it.
func (f *netFlags) network(cfg *config.Config) (wire.Options, error) {
	base, err := cfg.Wire()
	if err != nil {
		return base, err
	}
	return f.options(base)
}

// stateDir returns the directory below which sonde keeps what it keeps.
func stateDir() (string, error) {
	state := os.Getenv("XDG_STATE_HOME")
	if state == "" {
		home, err := os.UserHomeDir()
		if err != nil {
			return "", errors.New("--data DIR is needed: there is no home directory")
		}
		state = filepath.Join(home, ".local", "state")
	}
	return filepath.Join(state, "sonde"), nil
}

// agentDir returns where an agent keeps its data: dir, or by default a
// directory of the region's own below the user's state.
func agentDir(dir, region string) (string, error) {
	if dir != "" {
		return dir, nil
	}
	state, err := stateDir()
	if err != nil {
		return "", err
	}
	return filepath.Join(state, "agent-"+url.PathEscape(region)), nil
}
