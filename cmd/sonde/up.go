package main

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"maps"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/sonde-media/sonde/internal/config"
	"github.com/sonde-media/sonde/internal/hub"
	"github.com/sonde-media/sonde/internal/source"
	"github.com/sonde-media/sonde/internal/store"
	"github.com/sonde-media/sonde/probes"
)

// localRegion is where an agent stands that was told nothing.
const localRegion = "local"

// sample is a configuration to begin with.
const sample = `    targets:
      - feed: https://feeds.example.org/show.xml
      - page: https://www.example.org/
`

// upFlags are the flags of hub and agent.
type upFlags struct {
	netFlags
	config, data, listen, metrics string
	grpc                          grpcFlag
	keep                          time.Duration
}

func upCommand() *cobra.Command {
	f := &upFlags{}
	c := &cobra.Command{
		Use:   "up --config FILE",
		Short: "Run hub and one agent in one process",
		Long: `Run a hub and one agent in one process, with an embedded store: all that one
machine needs. What is to be probed stands in a file such as

` + sample + `
which is read again when it changes, and at once on SIGHUP. A version with
errors is refused, they are logged, and the one before stays.

Runs are kept where sonde hub and sonde agent keep them, so that either can take
over: below $XDG_STATE_HOME/sonde or ~/.local/state/sonde, or in the directory
--data. On an address that others can reach a token is asked for: set
SONDE_TOKEN. Stop it by Ctrl-C.`,
		Example: "  sonde up --config sonde.yaml",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return f.run(c.Context(), c.OutOrStdout(), c.ErrOrStderr())
		},
	}
	fs := c.Flags()
	fs.SortFlags = false
	fs.StringVar(&f.config, "config", "sonde.yaml", "configuration `FILE`")
	fs.StringVar(&f.listen, "listen", defaultListen, "`ADDR` for OTLP, the API and the status page")
	f.grpc.register(fs)
	fs.StringVar(&f.data, "data", "", "`DIR` for all that is kept (default ~/.local/state/sonde)")
	fs.DurationVar(&f.keep, "keep", store.DefaultKeep, "how long runs are kept, by whole days")
	fs.StringVar(&f.metrics, "metrics", "", "serve Prometheus metrics at this `ADDR` too; the hub has them at /metrics")
	f.register(fs)
	return c
}

// run checks all that can be checked before it starts anything.
func (f *upFlags) run(ctx context.Context, stdout, stderr io.Writer) error {
	look, stop := hangups()
	defer stop()
	lookToo, stop := hangups()
	defer stop()
	log := slog.New(slog.NewTextHandler(stderr, nil))
	registry, health := newRegistry(), &health{}
	agent, err := f.agent(ctx, look, agentOptions{registry: registry, health: health, log: log})
	if err != nil {
		return usageError{err}
	}
	hub, err := f.hub(lookToo, registry, log)
	if err != nil {
		return usageError{err}
	}
	g, ctx := errgroup.WithContext(ctx)
	if f.metrics != "" {
		g.Go(func() error { return serveMetrics(ctx, f.metrics, registry, health, log) })
	}
	g.Go(func() error {
		return up(ctx, hub, agent, func(url string) { tellUp(stdout, url, hub, agent) })
	})
	return g.Wait()
}

func (f *upFlags) hub(look <-chan os.Signal, registry *prometheus.Registry, log *slog.Logger) (hubOptions, error) {
	o := hubOptions{listen: f.listen, grpc: f.grpc, keep: f.keep, token: token(), reload: look, log: log, gatherer: registry}
	if f.keep <= 0 {
		return o, fmt.Errorf("--keep %v: must be positive", f.keep)
	}
	var err error
	if o.config, err = hub.OpenConfig(f.config, nil); err != nil { // what is wrong later the agent logs
		return o, err
	}
	if o.told, err = openRecipients(f.config, log); err != nil {
		return o, err
	}
	if o.data, err = hubDir(below(f.data, "hub")); err != nil {
		return o, err
	}
	return o, o.guard()
}

// agent reads the configuration and puts the command line over it. Who has no
// file yet is shown one.
func (f *upFlags) agent(ctx context.Context, look <-chan os.Signal, o agentOptions) (agentOptions, error) {
	if _, err := os.Stat(f.config); errors.Is(err, fs.ErrNotExist) {
		return o, fmt.Errorf("there is no %s; to begin with, save this with URLs of yours:\n\n%s", f.config, sample)
	}
	if source.IsURL(f.config) {
		return o, fmt.Errorf("--config %s: want a file; what a hub gives is for sonde agent", f.config)
	}
	s, err := source.New(f.config, source.Options{Log: o.log})
	if err != nil {
		return o, err
	}
	o.network, o.timeout, o.token, o.otlp = f.network, f.timeout, token(), f.otlp
	o.updates = func(ctx context.Context, accept func(*config.Config) error) {
		s.Watch(ctx, look, func(v *source.Version) error { return accept(v.Config) })
	}
	err = s.First(ctx, func(v *source.Version) (err error) {
		o.config = v.Config
		if o.region, err = upRegion(f.region, v.Config); err != nil {
			return err
		}
		_, err = o.network(v.Config) // reads the files of roots
		return err
	})
	if err != nil {
		return o, err
	}
	o.data, err = agentDir(below(f.data, "agent-"+url.PathEscape(o.region)), o.region)
	return o, err
}

// below returns the folder name in dir, "" where no dir was given.
func below(dir, name string) string {
	if dir == "" {
		return ""
	}
	return filepath.Join(dir, name)
}

// upRegion is the region asked for, else what the configuration leaves no
// doubt about.
func upRegion(asked string, cfg *config.Config) (string, error) {
	if name := cmp.Or(asked, cfg.Region); name != "" {
		return name, nil
	}
	switch names := slices.Sorted(maps.Keys(cfg.Regions)); len(names) {
	case 0:
		return localRegion, nil
	case 1:
		return names[0], nil
	default:
		return "", fmt.Errorf("--region NAME is needed: the configuration has %s", strings.Join(names, ", "))
	}
}

// up serves a hub, and runs the agent when the hub answers. The agent ends
// first, so that its last runs arrive.
func up(ctx context.Context, h hubOptions, a agentOptions, ready func(url string)) error {
	if h.token == "" && !h.private() { // tokens are issued, and this agent has none of them
		h.token = rand.Text()
		a.token = h.token
	}
	serving, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	g, ctx := errgroup.WithContext(ctx)
	listening := make(chan string, 1)
	g.Go(func() error {
		return serveHub(serving, h, func(addr string) { listening <- addr })
	})
	g.Go(func() error {
		defer stop()
		select {
		case addr := <-listening:
			a.hub = "http://" + reachable(addr)
			ready(a.hub)
			return runAgent(ctx, a)
		case <-ctx.Done():
			return nil
		}
	})
	return g.Wait()
}

func tellUp(w io.Writer, url string, h hubOptions, a agentOptions) {
	fmt.Fprintf(w, `status page   %s/
Grafana       data source "Sonde" with the URL %s
probing       %s from region %s, first results within ten seconds
data          %s, kept for %s
Ctrl-C ends it.
`, url, url, counted(len(a.targets(a.config)), "target"), a.region, h.data, probes.Roughly(h.keep))
}
