package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/sonde-media/sonde/internal/api"
	"github.com/sonde-media/sonde/internal/config"
	"github.com/sonde-media/sonde/internal/drill"
	"github.com/sonde-media/sonde/internal/wire"
	"github.com/sonde-media/sonde/probes"
)

// demoInterval is the time between two runs of a target, short so that there
// is something to see at once.
const demoInterval = 5 * time.Second

// demoRegions are where the demo's agents stand.
var demoRegions = map[string]config.Region{
	"us-east":  {Name: "Virginia", Lat: 38.9, Lon: -77.4},
	"eu-west":  {Name: "Ireland", Lat: 53.3, Lon: -6.3},
	"ap-south": {Name: "Mumbai", Lat: 19.1, Lon: 72.9},
}

// demoHit are the regions in which the certificate expires.
var demoHit = []string{"us-east", "eu-west"}

// A demo is one hub, one agent a region, and a simulated world with an outage.
type demo struct {
	listen string
	data   string        // "": a temporary directory
	after  time.Duration // when the outage begins
	length time.Duration // 0: until canceled
	out    io.Writer
	log    *slog.Logger
}

func demoCommand() *cobra.Command {
	d := &demo{}
	c := &cobra.Command{
		Use:   "demo",
		Short: "Run a hub, three regions and a simulated world with one outage to look at",
		Long: `Run a hub, three regions and a simulated world with one outage to look at.

Agents in Virginia, Ireland and Mumbai probe two podcasts and a storefront that
exist on this machine only; nothing leaves it. After a while a CDN's
certificate expires at its edges in two of the regions: open the status page
and find out what fails, where, since when and for whom.`,
		RunE: func(c *cobra.Command, _ []string) error {
			d.out = c.OutOrStdout()
			d.log = slog.New(slog.NewTextHandler(c.ErrOrStderr(), &slog.HandlerOptions{Level: slog.LevelWarn}))
			if d.after < 0 || d.length < 0 {
				return usageError{errors.New("--after and --for must not be negative")}
			}
			return d.run(c.Context())
		},
	}
	fs := c.Flags()
	fs.StringVar(&d.listen, "listen", defaultListen, "`ADDR`ess of the hub: status page and API")
	fs.StringVar(&d.data, "data", "", "keep what the hub stores in this `DIR` (default: a temporary one, removed at the end)")
	fs.DurationVar(&d.after, "after", 30*time.Second, "when the certificate expires")
	fs.DurationVar(&d.length, "for", 0, "end after this `DURATION` (default: on Ctrl-C)")
	return c
}

// run plays the demo until ctx is done, and then stops it: the agents first,
// so that the hub is there for what they have left to send.
func (d *demo) run(ctx context.Context) error {
	if d.length > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, d.length)
		defer cancel()
	}
	data, remove, err := d.directory()
	if err != nil {
		return err
	}
	defer remove()
	world, err := drill.Open(slices.Sorted(maps.Keys(demoRegions))...)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	ground, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	g, ground := errgroup.WithContext(ground)
	context.AfterFunc(ground, cancel) // a hub that can't serve ends the demo
	addr := make(chan string, 1)
	g.Go(func() error { return world.Run(ground) })
	g.Go(func() error { return d.hub(ground, data, func(a string) { addr <- a }) })
	g.Go(func() error {
		defer stop()
		select {
		case a := <-addr:
			return d.play(ctx, world, reachable(a), data)
		case <-ctx.Done():
			return nil
		}
	})
	return g.Wait()
}

// directory returns where to keep data, and how to tidy up.
func (d *demo) directory() (dir string, remove func(), err error) {
	if d.data != "" {
		return d.data, func() {}, nil
	}
	dir, err = os.MkdirTemp("", "sonde-demo-")
	if err != nil {
		return "", nil, fmt.Errorf("make a temporary directory: %w", err)
	}
	return dir, func() {
		if err := os.RemoveAll(dir); err != nil {
			d.log.Warn("temporary directory not removed", "err", err)
		}
	}, nil
}

func (d *demo) hub(ctx context.Context, data string, ready func(addr string)) error {
	return serveHub(ctx, hubOptions{
		listen: d.listen,
		data:   filepath.Join(data, "hub"),
		keep:   24 * time.Hour,
		token:  token(),
		log:    d.log,
	}, ready)
}

// play stages the outage, lets the agents probe and tells what the hub sees.
func (d *demo) play(ctx context.Context, world *drill.World, addr, data string) error {
	base := "http://" + addr
	hub, err := api.NewClient(base, token())
	if err != nil {
		return err
	}
	defer hub.Close()
	t := newTeller(d.out, base, hub)
	t.expires = t.begin.Add(d.after + time.Second).Truncate(time.Second) // certificates know whole seconds
	if err := world.ExpireCertificate(drill.CastleCDN, demoHit, t.expires); err != nil {
		return err
	}
	try, err := tryCommand(world, data)
	if err != nil {
		return err
	}
	t.introduce(d.length, try)
	cfg := demoConfig(world)
	g, ctx := errgroup.WithContext(ctx)
	for region := range demoRegions {
		g.Go(func() error { return d.agent(ctx, world, cfg, region, t.base, data) })
	}
	g.Go(func() error { return t.run(ctx) })
	return g.Wait()
}

// tryCommand returns the command line by which a person probes the world as
// the first region with the outage does. It saves the world's root in dir.
func tryCommand(world *drill.World, dir string) (string, error) {
	roots := filepath.Join(dir, "ca.pem")
	if err := os.WriteFile(roots, world.RootPEM(), 0o644); err != nil {
		return "", fmt.Errorf("save the simulated world's root: %w", err)
	}
	return fmt.Sprintf("%s check --allow-private --ca-file %s --resolver %s %s",
		os.Args[0], roots, world.Resolver(demoHit[0]), world.URL(drill.CastleFeeds, drill.CastlePath)), nil
}

func demoConfig(world *drill.World) *config.Config {
	targets := []probes.Target{
		{Name: "Castle Nights", Kind: "feed", URL: world.URL(drill.CastleFeeds, drill.CastlePath), Service: "Podcasts"},
		{Name: "Castle Nights episode", Kind: "enclosure", URL: world.Enclosure(), Service: "Podcasts"},
		{Name: "Harbour Talk", Kind: "feed", URL: world.URL(drill.HarbourFeeds, drill.HarbourPath), Service: "Podcasts"},
		{Name: "The Shop", Kind: "page", URL: world.URL(drill.Shop, "/"), Service: "Storefront"},
	}
	for i := range targets {
		targets[i].Interval = demoInterval // with time enough: a busy machine is no outage
	}
	return &config.Config{Regions: demoRegions, AllowPrivate: true, Targets: targets, Version: "demo"}
}

// agent runs one region's agent, which asks that region's DNS.
func (d *demo) agent(ctx context.Context, world *drill.World, cfg *config.Config, region, hub, data string) error {
	network := wire.Options{
		Resolver: world.Resolver(region), Roots: world.Roots(), AllowPrivate: true,
		UserAgent: wire.DefaultUserAgent, // on purpose: nobody but us is asked
	}
	return runAgent(ctx, agentOptions{
		config:  cfg,
		network: func(*config.Config) (wire.Options, error) { return network, nil },
		region:  region,
		hub:     hub,
		token:   token(),
		data:    filepath.Join(data, "agent-"+region),
		log:     d.log,
	})
}
