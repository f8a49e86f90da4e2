// Package drill is a simulated media world: shows with feeds, prefixes, ad
// insertion and CDN edges, and a storefront with its assets, behind DNS, TLS
// and HTTP servers on loopback addresses and a certificate authority of its
// own. Sockets, handshakes and bytes are real; only the places are not.
//
// A region is whoever asks the region's own DNS server: it is led to edges of
// its own, so that a fault can be staged in some regions and not in others.
// Every host has one edge in each region, each at an address of its own, all
// at one port, which therefore stands in the URLs.
package drill

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"
)

// The hosts of the world.
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

// hosts is all of them. Its order gives them their addresses.
var hosts = []string{CastleFeeds, CastleCDN, Prefix, AdInsertion, HarbourFeeds, HarbourMedia, Shop, ShopAssets}

// aliases are the CNAMEs through which CDN hosts lead to their edges.
var aliases = map[string]string{
	CastleCDN:  "castle.edges.example",
	ShopAssets: "shop.edges.example",
}

// An edge is what serves one host in one region.
type edge struct {
	host, region string
	addr         netip.Addr
}

// A World is its servers, bound and ready for Run.
type World struct {
	regions []string
	edges   map[netip.Addr]edge
	port    int
	sites   map[string]http.Handler // by host
	certs   map[string]*tls.Certificate
	ca      *authority
	web     []net.Listener
	dns     []*nameserver // one a region, in their order

	mu     sync.Mutex // guards faults
	faults []fault
}

// Open builds a healthy world seen from regions, at least one, and binds its
// servers. They answer once [World.Run] runs, which also closes them.
func Open(regions ...string) (*World, error) {
	if len(regions) == 0 || len(regions) > 200 {
		return nil, fmt.Errorf("open the world: want 1 to 200 regions, got %d", len(regions))
	}
	w := &World{regions: regions, edges: layOut(regions), certs: map[string]*tls.Certificate{}}
	if err := w.certify(time.Now()); err != nil {
		return nil, fmt.Errorf("open the world: %w", err)
	}
	if err := w.bind(); err != nil {
		w.close()
		return nil, fmt.Errorf("open the world: %w", err)
	}
	w.build(time.Now())
	return w, nil
}

// layOut gives every host an address in every region: 127.53.0.1 is the first
// host in the first region, 127.53.1.1 the same host in the second.
func layOut(regions []string) map[netip.Addr]edge {
	edges := map[netip.Addr]edge{}
	for r, region := range regions {
		for h, host := range hosts {
			addr := netip.AddrFrom4([4]byte{127, 53, byte(r), byte(h + 1)})
			edges[addr] = edge{host, region, addr}
		}
	}
	return edges
}

func (w *World) certify(now time.Time) (err error) {
	if w.ca, err = newAuthority(now); err != nil {
		return err
	}
	for _, host := range hosts {
		begin := now.Add(-lifetime / 6)
		if w.certs[host], err = w.ca.issue(host, begin, begin.Add(lifetime)); err != nil {
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
	for _, region := range w.regions {
		n, err := newNameserver(w, region)
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

// Roots holds the root certificate of the world.
func (w *World) Roots() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(w.ca.root)
	return pool
}

// RootPEM is the root certificate of the world, for a file of extra roots.
func (w *World) RootPEM() []byte { return w.ca.rootPEM() }

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

// listenAll listens at one port, free at all addresses.
func listenAll(edges map[netip.Addr]edge) ([]net.Listener, error) {
	var err error
	for range 20 {
		var ls []net.Listener
		if ls, err = listenSame(edges); err == nil {
			return ls, nil
		}
		if errors.Is(err, syscall.EADDRNOTAVAIL) {
			return nil, fmt.Errorf("%w: this machine has 127.0.0.1 alone of its loopback addresses; give it the others:\n%s", err, aliasCommand(edges))
		}
		if !errors.Is(err, syscall.EADDRINUSE) {
			break
		}
	}
	return nil, err
}

func listenSame(edges map[netip.Addr]edge) (ls []net.Listener, err error) {
	port := 0 // the first listener's choice, which the others follow
	for addr := range edges {
		l, err := net.Listen("tcp4", fmt.Sprintf("%s:%d", addr, port))
		if err != nil {
			for _, l := range ls {
				l.Close()
			}
			return nil, err
		}
		port = l.Addr().(*net.TCPAddr).Port
		ls = append(ls, l)
	}
	return ls, nil
}

// aliasCommand is what to type where loopback has one address only.
func aliasCommand(edges map[netip.Addr]edge) string {
	return fmt.Sprintf("  for r in $(seq 0 %d); do for h in $(seq 1 %d); do sudo ifconfig lo0 alias 127.53.$r.$h up; done; done",
		len(edges)/len(hosts)-1, len(hosts))
}
