// Package drill is a simulated media world and the outages that happen in it:
// shows with feeds, prefixes and CDN edges, and pages with their assets,
// behind DNS, TLS and HTTP servers on loopback addresses and a certificate
// authority of its own. Sockets, handshakes and bytes are real; only the
// places are not.
//
// A scenario describes a world, what goes wrong in it and what an honest
// report of that says. A region is whoever asks the region's own DNS server:
// it is led to edges of its own, so that a fault can be staged in some regions
// and not in others. Each edge has an address of its own, and all have one
// port, which therefore stands in the URLs.
package drill

import (
	"context"
	"crypto/tls"
	_ "embed" // the world of the demo
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
)

// Hosts of the world that [Open] opens.
const (
	CastleFeeds  = "feeds.castle.example"    // feed of the show with a prefix
	CastleCDN    = "cdn.castle.example"      // its episodes
	Prefix       = "track.measure.example"   // analytics: redirects to ad insertion
	AdInsertion  = "stitch.ads.example"      // redirects to the CDN
	HarbourFeeds = "feeds.harbour.example"   // feed of the show without a prefix
	HarbourMedia = "media.harbour.example"   // its episodes
	Shop         = "www.shop.example"        // the storefront's document
	ShopAssets   = "static.shop-cdn.example" // its stylesheets, scripts and images
)

// Paths of its two feeds.
const (
	CastlePath  = "/nights.xml"
	HarbourPath = "/talk.xml"
)

//go:embed demo.txt
var demoText []byte

// A World is its servers, bound and ready for Run.
type World struct {
	scenario Scenario
	edges    map[netip.Addr]edge
	port     int
	opened   time.Time
	sites    map[string]site      // by host
	series   map[string][]*series // by the show they are of
	certs    map[string]*tls.Certificate
	ca       *authority
	web      []net.Listener
	dns      []*nameserver // one a region, in their order

	mu     sync.Mutex // guards faults
	faults []staged
}

// Open opens a healthy world of two shows and a storefront, seen from regions,
// at least one.
func Open(regions ...string) (*World, error) {
	s, err := Load("demo", demoText)
	if err != nil {
		return nil, fmt.Errorf("open the world: %w", err)
	}
	s.Regions, s.Agents = nil, nil
	for _, name := range regions {
		s.Regions = append(s.Regions, Region{Name: name})
		s.Agents = append(s.Agents, Agent{name, name})
	}
	return s.Open()
}

// Open builds the scenario's world, all well, and binds its servers. They
// answer once [World.Run] runs, which also closes them. Faults are staged by
// [World.Start].
func (s Scenario) Open() (*World, error) {
	w := &World{scenario: s, opened: time.Now()}
	var err error
	if w.edges, err = layOut(&s); err == nil {
		err = w.certify(w.opened)
	}
	if err == nil {
		err = w.bind()
	}
	if err != nil {
		w.close()
		return nil, fmt.Errorf("open the world: %w", err)
	}
	w.build(w.opened)
	return w, nil
}

// Start stages all faults of the scenario; outage is when the outage begins.
// That lies ahead, for a certificate that is to expire is served from now on,
// and is best a whole second, which is all that certificates know.
func (w *World) Start(outage time.Time) error {
	for _, f := range w.scenario.Faults {
		if err := w.Inject(f, outage); err != nil {
			return err
		}
	}
	return nil
}

func (w *World) bind() (err error) {
	if w.web, err = listenAll(w.edges); err != nil {
		return err
	}
	w.port = w.web[0].Addr().(*net.TCPAddr).Port
	for _, g := range w.scenario.Regions {
		n, err := newNameserver(w, g.Name)
		if err != nil {
			return err
		}
		w.dns = append(w.dns, n)
	}
	return nil
}

// close releases what was bound, for an Open that ends half-way.
func (w *World) close() {
	for _, l := range w.web {
		l.Close()
	}
	for _, n := range w.dns {
		n.close()
	}
}

// Run serves until ctx is done and returns when everything has stopped.
func (w *World) Run(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	server := w.server()
	for _, l := range w.web {
		g.Go(func() error {
			if err := server.ServeTLS(l, "", ""); !errors.Is(err, http.ErrServerClosed) {
				return fmt.Errorf("serve the world: %w", err)
			}
			return nil
		})
	}
	for _, n := range w.dns {
		g.Go(func() error { return n.run(ctx) })
	}
	g.Go(func() error {
		<-ctx.Done()
		return server.Close()
	})
	return g.Wait()
}

// Resolver returns host:port of a region's DNS server, by UDP and TCP, or ""
// where the world has no such region.
func (w *World) Resolver(region string) string {
	for _, n := range w.dns {
		if n.region == region {
			return n.addr()
		}
	}
	return ""
}

// URL returns the URL of a path, which begins with a slash, on a host.
func (w *World) URL(host, path string) string {
	return fmt.Sprintf("https://%s%s", w.authority(host), path)
}

// authority is host and port as they stand in URLs.
func (w *World) authority(host string) string { return fmt.Sprintf("%s:%d", host, w.port) }
