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
	"reflect"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"

	"github.com/sonde-media/sonde/internal/agent"
	"github.com/sonde-media/sonde/internal/config"
	"github.com/sonde-media/sonde/internal/dirlock"
	"github.com/sonde-media/sonde/internal/telemetry"
	"github.com/sonde-media/sonde/internal/wire"
	"github.com/sonde-media/sonde/probes"
)

// agentOptions are what one region's agent needs. What is left out comes from
// the configuration, where that says it.
type agentOptions struct {
	config  *config.Config                                    // to begin with
	network func(*config.Config) (wire.Options, error)        // that a configuration is probed by
	updates func(context.Context, func(*config.Config) error) // offers further configurations until its context ends; nil: there are none
	region  string
	hub     string // base URL; "": the configuration's
	token   string // for the hub
	otlp    string // base URL of another receiver; "": the configuration's, else OTEL_EXPORTER_OTLP_*
	data    string // directory of the spool and the agent's identity
	timeout time.Duration

	registry prometheus.Registerer // for metrics; nil: none
	health   *health               // told when the agent runs; nil: nobody asks
	log      *slog.Logger
}

// A running agent can be given another configuration.
type running struct {
	o        agentOptions
	config   *config.Config // to begin with, without its targets
	agent    *agent.Agent
	exporter *telemetry.Exporter
	wire     wire.Options // of net
	net      *wire.Net    // nil before the first configuration
	targets  int
}

// runAgent probes and delivers until ctx is canceled. Then it waits for the
// runs in flight, stores what isn't sent, and tries once more to send it.
func runAgent(ctx context.Context, o agentOptions) (err error) {
	release, err := o.takeData()
	if err != nil {
		return usageError{err}
	}
	defer release()
	r, err := o.open()
	if err != nil {
		return usageError{err}
	}
	defer func() { err = errors.Join(err, r.exporter.Close()) }()
	if r.exporter.Destinations() == 0 && o.registry == nil {
		return usageError{errors.New("nowhere to send runs: give --hub URL, --otlp URL or --metrics ADDR")}
	}
	if err := r.apply(o.config); err != nil {
		return usageError{err}
	}
	r.begun()
	return r.deliver(ctx)
}

// takeData keeps a second agent from using the same directory.
func (o *agentOptions) takeData() (release func(), err error) {
	if err := os.MkdirAll(o.data, 0o700); err != nil {
		return nil, fmt.Errorf("data directory: %w", err)
	}
	lock, err := dirlock.Take(o.data)
	if errors.Is(err, dirlock.ErrTaken) {
		return nil, fmt.Errorf("data directory %s: an agent that runs uses it; give each one a directory of its own by --data", o.data)
	}
	if err != nil {
		return nil, fmt.Errorf("data directory: %w", err)
	}
	return func() { lock.Close() }, nil
}

// open returns an agent that has nothing to do yet.
func (o *agentOptions) open() (*running, error) {
	w, err := o.network(o.config)
	if err != nil {
		return nil, err
	}
	t, err := o.telemetry(w.Roots)
	if err != nil {
		return nil, err
	}
	exporter, err := telemetry.Open(t)
	if err != nil {
		return nil, err
	}
	a := agent.New(o.region, exporter.Send, agent.Options{
		Now: exporter.Now, Witnesses: o.config.Witnesses, Hub: t.Hub, Resolver: w.Resolver, Sources: w.Sources,
	})
	return &running{o: *o, agent: a, exporter: exporter}, nil
}

// begun tells that the agent runs, and lets go of what only the beginning
// needed.
func (r *running) begun() {
	o := &r.o
	if r.wire.UserAgent == "" && r.wire.Contact == "" && slices.ContainsFunc(o.config.Targets, isRemote) {
		o.log.Warn("nobody can tell whose prober this is: set contact in the configuration, or --contact", "user_agent", wire.DefaultUserAgent)
	}
	o.log.Info("agent started", "region", o.region, "targets", r.targets, "version", o.config.Version,
		"hub", probes.RecordURLText(cmp.Or(o.hub, o.config.Hub), false), "data", o.data)
	if o.health != nil {
		o.health.ready()
	}
	first := *o.config
	first.Targets = nil
	r.config, o.config = &first, nil
}

// apply has the agent go by cfg from now on. Where it returns an error nothing
// has changed.
func (r *running) apply(cfg *config.Config) error {
	if err := r.o.check(cfg); err != nil {
		return err
	}
	w, err := r.o.network(cfg)
	if err != nil {
		return err
	}
	n, renew := r.net, r.net == nil || !sameNetwork(r.wire, w)
	if renew {
		if n, err = r.renewed(w); err != nil {
			return err
		}
	}
	targets := r.o.targets(cfg)
	err = r.agent.Apply(agent.Plan{
		Version: cfg.Version, Targets: targets, Renew: renew,
		Probe: func(t probes.Target) (probes.Func, error) { return config.NewProbe(n, t) },
	})
	if err != nil {
		return err
	}
	r.net, r.wire, r.targets = n, w, len(targets)
	debug.FreeOSMemory() // what reading the configuration took
	return nil
}

// renewed returns a net that goes by w and by the hub's clock.
func (r *running) renewed(w wire.Options) (*wire.Net, error) {
	w.Now = r.exporter.Now
	if r.net == nil {
		return wire.New(w)
	}
	return r.net.Renewed(w)
}

// change is apply for a running agent, which tells of it.
func (r *running) change(cfg *config.Config) error {
	if err := r.apply(cfg); err != nil {
		return err
	}
	r.o.log.Info("configuration runs", "version", cfg.Version, "targets", r.targets)
	if keys := r.later(cfg); len(keys) > 0 {
		r.o.log.Warn("takes effect at the next start", "keys", keys)
	}
	return nil
}

// later are the keys of cfg that differ from the first configuration's and
// count from the next start on.
func (r *running) later(cfg *config.Config) (keys []string) {
	differs := func(key string, is bool) {
		if is {
			keys = append(keys, key)
		}
	}
	differs("hub", r.o.hub == "" && cfg.Hub != r.config.Hub)
	differs("otlp", r.o.otlp == "" && cfg.OTLP != r.config.OTLP)
	differs("regions", cfg.Regions[r.o.region] != r.config.Regions[r.o.region])
	differs("spool", cfg.Spool != r.config.Spool)
	differs("witnesses", !slices.Equal(cfg.Witnesses, r.config.Witnesses))
	return keys
}

// sameNetwork reports whether probes made with a do the same with b.
func sameNetwork(a, b wire.Options) bool {
	if !a.Roots.Equal(b.Roots) || !slices.EqualFunc(a.Stores, b.Stores, sameStore) {
		return false
	}
	a.Roots, b.Roots, a.Stores, b.Stores, a.Now, b.Now = nil, nil, nil, nil, nil, nil
	return reflect.DeepEqual(a, b)
}

func sameStore(a, b wire.Store) bool { return a.Name == b.Name && a.Roots.Equal(b.Roots) }

// isRemote reports whether t may be somebody else's.
func isRemote(t probes.Target) bool {
	u, err := url.Parse(t.URL)
	if err != nil {
		return true
	}
	a, err := netip.ParseAddr(u.Hostname())
	return (err != nil || !a.IsLoopback()) && u.Hostname() != "localhost"
}

// deliver runs agent and exporter; the exporter ends after the agent, so that
// it has what the last runs found.
func (r *running) deliver(ctx context.Context) error {
	sending, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error {
		return r.exporter.Run(sending, func() telemetry.Agent { return telemetry.Agent(r.agent.Stats()) })
	})
	g.Go(func() error {
		defer stop()
		return r.agent.Run(ctx)
	})
	if r.o.updates != nil {
		g.Go(func() error {
			r.o.updates(ctx, r.change)
			return nil
		})
	}
	return g.Wait()
}

// check refuses a configuration that isn't for this region.
func (o *agentOptions) check(cfg *config.Config) error {
	if _, listed := cfg.Regions[o.region]; len(cfg.Regions) > 0 && !listed {
		return fmt.Errorf("region %q is not in the configuration%s", o.region, choice(cfg))
	}
	return nil
}

// choice says which regions there are.
func choice(cfg *config.Config) string {
	if len(cfg.Regions) == 0 {
		return ""
	}
	return "; known are " + strings.Join(slices.Sorted(maps.Keys(cfg.Regions)), ", ")
}

// telemetry returns who this agent is and where its runs go. The receivers'
// certificates lead to roots.
func (o *agentOptions) telemetry(roots *x509.CertPool) (telemetry.Options, error) {
	if err := o.check(o.config); err != nil {
		return telemetry.Options{}, err
	}
	instance, err := telemetry.Instance(o.data)
	if err != nil {
		return telemetry.Options{}, err
	}
	place := o.config.Regions[o.region]
	return telemetry.Options{
		Resource: telemetry.Resource{
			Version: buildVersion(), Instance: instance, Region: o.region,
			Located: place.Lat != 0 || place.Lon != 0, Lat: place.Lat, Lon: place.Lon,
		},
		Dir: o.data, Hub: cmp.Or(o.hub, o.config.Hub), Token: o.token,
		OTLP: cmp.Or(o.otlp, o.config.OTLP), Config: o.config.Version,
		Roots: roots, Registry: o.registry, Log: o.log,
		MaxBytes: o.config.Spool.Bytes, MaxAge: o.config.Spool.Age,
		Batch: o.batch(),
	}, nil
}

// batch is for how long finished runs are collected: where targets are probed
// every second or two, a second would be long.
func (o *agentOptions) batch() time.Duration {
	batch := telemetry.DefaultBatch
	for _, t := range o.targets(o.config) {
		batch = min(batch, t.Interval/4)
	}
	return max(batch, telemetry.DefaultBatch/4)
}

// targets are those of the region, with the timeout of the command line.
func (o *agentOptions) targets(cfg *config.Config) []probes.Target {
	targets := cfg.For(o.region)
	if o.timeout == 0 {
		return targets
	}
	targets = slices.Clone(targets)
	for i := range targets {
		targets[i].Timeout = o.timeout
	}
	return targets
}
