package main

import (
	"cmp"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/sonde-media/sonde/internal/agent"
	"github.com/sonde-media/sonde/internal/config"
	"github.com/sonde-media/sonde/internal/telemetry"
	"github.com/sonde-media/sonde/internal/wire"
	"github.com/sonde-media/sonde/probes"
)

// agentOptions are what one region's agent needs. What is left out comes from
// the configuration, where that says it.
type agentOptions struct {
	config  *config.Config
	net     *wire.Net
	region  string
	hub     string // base URL; "": the configuration's
	token   string // for the hub
	otlp    string // base URL of another receiver; "": the configuration's, else OTEL_EXPORTER_OTLP_*
	data    string // directory of the spool and the agent's identity
	timeout time.Duration

	roots    *x509.CertPool        // for the hub's certificate; nil: the system's
	registry prometheus.Registerer // for metrics; nil: none
	log      *slog.Logger

	anonymous bool // nothing says who asks
}

type agentFlags struct {
	netFlags
	config, hub, data, metrics string
}

func agentCommand() *cobra.Command {
	var f agentFlags
	c := &cobra.Command{
		Use:   "agent --config FILE [--hub URL] [--region NAME] [--data DIR]",
		Short: "Run one region's agent",
		Long: `Run one region's agent: probe the targets of a configuration on schedule and
send what was found to a hub.

While the hub is away runs wait on the disk, in the directory --data, for at
most 24 hours and 256 MiB. Every agent needs a directory of its own. The token
for the hub is read from the environment variable SONDE_TOKEN.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return f.run(c.Context(), slog.New(slog.NewTextHandler(c.ErrOrStderr(), nil)))
		},
	}
	f.register(c.Flags())
	c.Flags().StringVar(&f.config, "config", "", "configuration `FILE`, sonde.yaml")
	c.Flags().StringVar(&f.hub, "hub", "", "`URL` of the hub (default: hub in the configuration)")
	c.Flags().StringVar(&f.data, "data", "", "`DIR` for runs not yet sent (default ~/.local/state/sonde/agent-REGION)")
	c.Flags().StringVar(&f.metrics, "metrics", "", "serve Prometheus metrics at /metrics on this `ADDR`, as 127.0.0.1:9464")
	return c
}

func (f *agentFlags) run(ctx context.Context, log *slog.Logger) error {
	o, err := f.options(log)
	if err != nil {
		return usageError{err}
	}
	agent.SaveCPU()
	if f.metrics == "" {
		return runAgent(ctx, o)
	}
	registry := newRegistry()
	o.registry = registry
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return serveMetrics(ctx, f.metrics, registry, log) })
	g.Go(func() error { return runAgent(ctx, o) })
	return g.Wait()
}

// options reads the configuration and puts the command line over it.
func (f *agentFlags) options(log *slog.Logger) (o agentOptions, err error) {
	if f.config == "" {
		return o, errors.New("--config FILE is needed")
	}
	if strings.HasPrefix(f.config, "http://") || strings.HasPrefix(f.config, "https://") {
		return o, fmt.Errorf("--config %s: a configuration can't be taken from a URL yet; give a file", f.config)
	}
	cfg, err := config.Load(f.config)
	if err != nil {
		return o, err
	}
	if o, err = f.over(cfg, log); err != nil {
		return o, err
	}
	o.hub = f.hub
	if o.region = cmp.Or(f.region, o.config.Region); o.region == "" {
		return o, errors.New("--region NAME is needed, or the key region in the configuration")
	}
	o.data, err = agentDir(f.data, o.region)
	return o, err
}

// over returns the agent that cfg describes with the flags put over it; its
// region and its directory are left to the caller.
func (f *netFlags) over(cfg *config.Config, log *slog.Logger) (agentOptions, error) {
	o := agentOptions{config: cfg, token: token(), otlp: f.otlp, timeout: f.timeout, log: log}
	base, err := cfg.Wire()
	if err != nil {
		return o, err
	}
	w, err := f.options(base)
	if err != nil {
		return o, err
	}
	o.roots = w.Roots
	o.anonymous = w.UserAgent == "" && w.Contact == ""
	o.net, err = wire.New(w)
	return o, err
}

// agentDir returns where an agent keeps its data: dir, or by default a
// directory of the region's own below the user's state.
func agentDir(dir, region string) (string, error) {
	if dir != "" {
		return dir, nil
	}
	state := os.Getenv("XDG_STATE_HOME")
	if state == "" {
		home, err := os.UserHomeDir()
		if err != nil {
			return "", errors.New("--data DIR is needed: there is no home directory")
		}
		state = filepath.Join(home, ".local", "state")
	}
	return filepath.Join(state, "sonde", "agent-"+url.PathEscape(region)), nil
}

// runAgent probes and delivers until ctx is canceled. Then it waits for the
// runs in flight, stores what isn't sent, and tries once more to send it.
func runAgent(ctx context.Context, o agentOptions) (err error) {
	t, err := o.telemetry()
	if err != nil {
		return usageError{err}
	}
	exporter, err := telemetry.Open(t)
	if err != nil {
		return usageError{err}
	}
	defer func() { err = errors.Join(err, exporter.Close()) }()
	if exporter.Destinations() == 0 && o.registry == nil {
		return usageError{errors.New("nowhere to send runs: give --hub URL, --otlp URL or --metrics ADDR")}
	}
	newProbe := func(t probes.Target) (probes.Func, error) { return config.NewProbe(o.net, t) }
	a := agent.New(o.region, exporter.Send, agent.Options{})
	if err := a.Apply(agent.Plan{Version: o.config.Version, Targets: o.targets(), Probe: newProbe}); err != nil {
		return usageError{err}
	}
	if o.anonymous && slices.ContainsFunc(o.config.Targets, isRemote) {
		o.log.Warn("nobody can tell whose prober this is: set contact in the configuration, or --contact", "user_agent", wire.DefaultUserAgent)
	}
	o.log.Info("agent started", "region", o.region, "targets", len(o.config.Targets), "hub", t.Hub, "data", o.data)
	return deliver(ctx, a, exporter)
}

// isRemote reports whether t may be somebody else's.
func isRemote(t probes.Target) bool {
	u, err := url.Parse(t.URL)
	if err != nil {
		return true
	}
	a, err := netip.ParseAddr(u.Hostname())
	return (err != nil || !a.IsLoopback()) && u.Hostname() != "localhost"
}

// deliver runs a and the exporter; the exporter ends after a, so that it has
// what the last runs found.
func deliver(ctx context.Context, a *agent.Agent, exporter *telemetry.Exporter) error {
	sending, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error {
		return exporter.Run(sending, func() telemetry.Agent { return telemetry.Agent(a.Stats()) })
	})
	g.Go(func() error {
		defer stop()
		return a.Run(ctx)
	})
	return g.Wait()
}

// telemetry returns who this agent is and where its runs go.
func (o *agentOptions) telemetry() (telemetry.Options, error) {
	place, listed := o.config.Regions[o.region]
	if len(o.config.Regions) > 0 && !listed {
		known := slices.Sorted(maps.Keys(o.config.Regions))
		return telemetry.Options{}, fmt.Errorf("region %q is not in the configuration; known are %s", o.region, strings.Join(known, ", "))
	}
	instance, err := telemetry.Instance(o.data)
	if err != nil {
		return telemetry.Options{}, err
	}
	return telemetry.Options{
		Resource: telemetry.Resource{
			Version: buildVersion(), Instance: instance, Region: o.region,
			Located: place.Lat != 0 || place.Lon != 0, Lat: place.Lat, Lon: place.Lon,
		},
		Dir: o.data, Hub: cmp.Or(o.hub, o.config.Hub), Token: o.token,
		OTLP: cmp.Or(o.otlp, o.config.OTLP), Config: o.config.Version,
		Roots: o.roots, Registry: o.registry, Log: o.log,
	}, nil
}

// targets are the configuration's, with the timeout of the command line.
func (o *agentOptions) targets() []probes.Target {
	targets := slices.Clone(o.config.Targets)
	for i := range targets {
		targets[i].Timeout = cmp.Or(o.timeout, targets[i].Timeout)
	}
	return targets
}
