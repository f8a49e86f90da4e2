package main

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/sonde-media/sonde/internal/config"
	"github.com/sonde-media/sonde/internal/wire"
)

// netFlags are the flags that check, agent and up share. What was given on the
// command line comes before what the configuration says.
type netFlags struct {
	region  string
	otlp    string        // endpoint to send runs to besides the hub
	timeout time.Duration // of a run; 0: the target's own

	set          *pflag.FlagSet
	caFile       string
	roots        []string
	resolver     string
	sources      []string
	allowPrivate bool
	userAgent    string
	contact      string
}

func (f *netFlags) register(fs *pflag.FlagSet) {
	f.set = fs
	fs.StringVar(&f.region, "region", "", "where this machine stands, recorded with every run")
	fs.StringVar(&f.otlp, "otlp", "", "send runs to this OTLP/HTTP `URL` too; OTEL_EXPORTER_OTLP_* variables work as well")
	fs.DurationVar(&f.timeout, "timeout", 0, "bound on a whole run (default 30s)")
	fs.StringVar(&f.caFile, "ca-file", "", "trust the PEM certificates in this `FILE` besides the system's")
	fs.StringArrayVar(&f.roots, "roots", nil, "judge certificates by the roots in this PEM file too, `NAME=FILE`; may be repeated")
	fs.StringVar(&f.resolver, "resolver", "", "ask this DNS server, `HOST:PORT`, instead of the system's (port 53 if left out)")
	fs.StringArrayVar(&f.sources, "source", nil, "bind to this local `ADDRESS`; once for each IP family")
	fs.BoolVar(&f.allowPrivate, "allow-private", false, "go to private and loopback addresses too")
	fs.StringVar(&f.userAgent, "user-agent", "", "User-Agent to send, in place of the default and its contact")
	fs.StringVar(&f.contact, "contact", "", "`URL` in the User-Agent where those asked can reach you, or mailto:ADDRESS")
}

// net makes the network that base and the flags describe. Its errors are
// usage errors, and all are reported.
func (f *netFlags) net(base wire.Options) (*wire.Net, error) {
	o, err := f.options(base)
	if err != nil {
		return nil, usageError{err}
	}
	n, err := wire.New(o)
	if err != nil {
		return nil, usageError{err}
	}
	return n, nil
}

func (f *netFlags) options(o wire.Options) (wire.Options, error) {
	var errs []error
	keep := func(flag string, err error) {
		if err != nil {
			errs = append(errs, fmt.Errorf("--%s: %w", flag, err))
		}
	}
	var err error
	if f.caFile != "" {
		o.Roots, err = config.Roots(f.caFile)
		keep("ca-file "+f.caFile, err)
	}
	if len(f.roots) > 0 {
		o.Stores, err = parseStores(f.roots)
		keep("roots", err)
	}
	if f.resolver != "" {
		o.Resolver, err = wire.ResolverAddress(f.resolver)
		keep("resolver", err)
	}
	if len(f.sources) > 0 {
		o.Sources, err = parseSources(f.sources)
		keep("source", err)
	}
	if f.timeout < 0 {
		keep("timeout", errors.New("must not be negative"))
	}
	if f.set.Changed("allow-private") {
		o.AllowPrivate = f.allowPrivate
	}
	if f.contact != "" {
		o.Contact = f.contact
		keep("contact", wire.CheckContact(f.contact))
	}
	if f.userAgent != "" {
		o.UserAgent = f.userAgent
	}
	return o, errors.Join(errs...)
}

func parseSources(texts []string) ([]netip.Addr, error) {
	var addrs []netip.Addr
	for _, text := range texts {
		a, err := netip.ParseAddr(text)
		if err != nil {
			return nil, fmt.Errorf("want an IP address, got %q", text)
		}
		addrs = append(addrs, a)
	}
	return addrs, nil
}

// parseStores reads the trust stores that texts of NAME=FILE name.
func parseStores(texts []string) (stores []wire.Store, err error) {
	if len(texts) > config.MaxStores {
		return nil, fmt.Errorf("given more than %d times", config.MaxStores)
	}
	for _, text := range texts {
		name, file, _ := strings.Cut(text, "=")
		if file == "" {
			return nil, fmt.Errorf("want NAME=FILE, got %q", text)
		}
		if slices.ContainsFunc(stores, func(s wire.Store) bool { return s.Name == name }) {
			return nil, fmt.Errorf("two stores are named %s", name)
		}
		s, err := config.Store(name, file)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", text, err)
		}
		stores = append(stores, s)
	}
	return stores, nil
}

// token is what this process shows to a hub; "" where none was given.
func token() string { return os.Getenv("SONDE_TOKEN") }
