package config

import (
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"go.yaml.in/yaml/v4"

	"github.com/sonde-media/sonde/internal/wire"
	"github.com/sonde-media/sonde/probes"
)

const (
	minInterval = time.Second
	minTimeout  = time.Millisecond

	minConfirm     = time.Second
	defaultConfirm = 10 * time.Second

	maxWitnesses = 16
)

// defaults are what targets share.
type defaults struct {
	interval, timeout, confirm time.Duration
	services                   []string
}

// config reads the whole file. The targets come last: they refer to the rest.
func (r *reader) config(root *yaml.Node) *Config {
	c := &Config{Spool: DefaultSpool}
	d := defaults{interval: probes.DefaultInterval, confirm: defaultConfirm}
	var targets *yaml.Node
	var rules []*rule
	var includes []include
	r.only(root, []field{
		{"hub", func(n *yaml.Node) { c.Hub = r.url(n) }},
		{"otlp", func(n *yaml.Node) { c.OTLP = r.url(n) }},
		{"timeout", func(n *yaml.Node) { c.Timeout = r.duration(n, minTimeout) }},
		{"user_agent", func(n *yaml.Node) { c.UserAgent = r.header(n) }},
		{"contact", func(n *yaml.Node) { c.Contact = r.contact(n) }},
		{"limits", func(n *yaml.Node) { c.Limits = r.limits(n) }},
		{"spool", func(n *yaml.Node) { r.spool(n, &c.Spool) }},
		{"defaults", func(n *yaml.Node) { r.defaults(n, c, &d) }},
		{"regions", func(n *yaml.Node) { c.Regions = r.regions(n) }},
		{"region", func(n *yaml.Node) { c.Region = r.region(n, c.Regions) }},
		{"services", func(n *yaml.Node) { c.Services = r.services(n) }},
		{"ca_file", func(n *yaml.Node) { r.caFile(n, c) }},
		{"roots", func(n *yaml.Node) { c.Stores = r.stores(n) }},
		{"resolver", func(n *yaml.Node) { c.Resolver = r.hostPort(n) }},
		{"source", func(n *yaml.Node) { c.Sources = r.sources(n) }},
		{"allow_private", func(n *yaml.Node) { c.AllowPrivate = r.boolean(n) }},
		{"witnesses", func(n *yaml.Node) { c.Witnesses = r.witnesses(n) }},
		{"maintenance", func(n *yaml.Node) { rules = r.rules(n) }},
		{"notify", func(n *yaml.Node) { c.notifies = r.notify(n) }},
		{"include", func(n *yaml.Node) { includes = r.includes(n) }},
		{"targets", func(n *yaml.Node) { targets = n }},
	})
	if targets == nil && includes == nil && root.Kind == yaml.MappingNode {
		r.fail(root, "targets is missing; write targets: [] where none is meant")
	}
	d.timeout, d.services, r.listed = c.Timeout, c.Services, c.Regions
	if targets != nil {
		r.targets(targets, c, d)
	}
	r.includeAll(includes, c, d)
	r.maintain(c, rules)
	return c
}

// witnesses reads addresses that an agent asks whether it is cut off.
func (r *reader) witnesses(n *yaml.Node) (list []string) {
	for _, item := range r.list(n, "a list of host:port", maxWitnesses) {
		s, ok := r.text(item)
		host, port, err := net.SplitHostPort(s)
		switch {
		case !ok:
		case err != nil || host == "" || port == "" || !validPort(port):
			r.want(r.follow(item), "host:port, such as www.example.org:443")
		default:
			list = append(list, s)
		}
	}
	return list
}

func (r *reader) defaults(n *yaml.Node, c *Config, d *defaults) {
	r.only(n, []field{
		{"interval", func(n *yaml.Node) { d.interval = r.duration(n, minInterval) }},
		{"timeout", func(n *yaml.Node) { c.Timeout = r.duration(n, minTimeout) }},
		{"confirm", func(n *yaml.Node) { d.confirm = r.confirm(n) }},
		{"user_agent", func(n *yaml.Node) { c.UserAgent = r.header(n) }},
	})
}

// confirm reads how soon a failure is confirmed; 0 for never.
func (r *reader) confirm(n *yaml.Node) time.Duration {
	if n := r.follow(n); n.Value == "0" || n.Value == "0s" {
		return 0
	}
	return r.duration(n, minConfirm)
}

func (r *reader) regions(n *yaml.Node) map[string]Region {
	regions := map[string]Region{}
	for _, e := range r.mapping(n) {
		r.checkWord(e.at, e.key)
		g := Region{Name: e.key}
		places := 0
		r.only(e.value, []field{
			{"name", func(n *yaml.Node) { g.Name = r.word(n) }},
			{"lat", func(n *yaml.Node) { g.Lat, places = r.number(n, -90, 90), places+1 }},
			{"lon", func(n *yaml.Node) { g.Lon, places = r.number(n, -180, 180), places+1 }},
		})
		if places == 1 {
			r.fail(e.at, "region %s: lat and lon go together", show(e.key))
		}
		regions[e.key] = g
	}
	return regions
}

// region reads the region of this file's agent; it must be one of those listed.
func (r *reader) region(n *yaml.Node, regions map[string]Region) string {
	name := r.word(n)
	if _, ok := regions[name]; name != "" && regions != nil && !ok {
		names := make([]string, 0, len(regions))
		for k := range regions {
			names = append(names, k)
		}
		slices.Sort(names)
		r.fail(n, "regions has no %s%s", describe(r.follow(n)), hint(name, names))
	}
	return name
}

func (r *reader) services(n *yaml.Node) (names []string) {
	for _, e := range r.mapping(n) {
		r.checkWord(e.at, e.key)
		r.only(e.value, nil)
		names = append(names, e.key)
	}
	return names
}

func (r *reader) caFile(n *yaml.Node, c *Config) {
	c.CAFile, c.caFile = r.pemFile(n, "ca_file")
}

func (r *reader) sources(n *yaml.Node) (sources []netip.Addr) {
	list := []*yaml.Node{n}
	if s := r.follow(n); s.Kind == yaml.SequenceNode {
		list = s.Content
	}
	for _, n := range list {
		a, ok := r.address(n)
		if !ok {
			continue
		}
		if slices.ContainsFunc(sources, func(b netip.Addr) bool { return a.Is4() == b.Is4() }) {
			r.fail(n, "a second address of the same IP family; give at most one of each")
			continue
		}
		sources = append(sources, a)
	}
	return sources
}

func (r *reader) address(n *yaml.Node) (netip.Addr, bool) {
	s, ok := r.text(n)
	if !ok {
		return netip.Addr{}, false
	}
	a, err := netip.ParseAddr(s)
	if err != nil || a.IsUnspecified() || a.IsMulticast() {
		r.want(r.follow(n), "an IP address of this machine")
		return netip.Addr{}, false
	}
	return a.Unmap(), true
}

// hostPort reads the address of a DNS server, whose port is 53 if left out.
func (r *reader) hostPort(n *yaml.Node) string {
	s, ok := r.text(n)
	if !ok {
		return ""
	}
	addr, err := wire.ResolverAddress(s)
	if err != nil {
		r.want(r.follow(n), "host:port, such as 192.0.2.53:53")
	}
	return addr
}

// url reads an absolute URL; "" where an error was noted. The errors don't
// show it: it may hold a password.
func (r *reader) url(n *yaml.Node) string {
	s, ok := r.text(n)
	if !ok {
		return ""
	}
	switch u, err := url.Parse(s); {
	case err != nil:
		r.fail(n, "not a URL")
	case u.Scheme != "http" && u.Scheme != "https":
		r.fail(n, "want a URL that begins with http:// or https://")
	case u.Hostname() == "":
		r.fail(n, "the URL names no host")
	case !validPort(u.Port()):
		r.fail(n, "the URL's port is not from 1 to 65535")
	default:
		return s
	}
	return ""
}

func validPort(port string) bool {
	p, err := strconv.Atoi(port)
	return port == "" || err == nil && p >= 1 && p <= 65535
}

// header reads text that goes into an HTTP header.
func (r *reader) header(n *yaml.Node) string {
	s, ok := r.text(n)
	if ok && (s == "" || strings.ContainsFunc(s, func(c rune) bool { return c < ' ' || c > '~' })) {
		r.fail(n, "want one line of printable ASCII")
	}
	return s
}

// word reads a name for people.
func (r *reader) word(n *yaml.Node) string {
	s, ok := r.text(n)
	if ok {
		r.checkWord(n, s)
	}
	return s
}

// checkWord checks a name that stands in spans, labels of metrics and pages.
func (r *reader) checkWord(n *yaml.Node, s string) {
	switch {
	case strings.TrimSpace(s) != s || s == "":
		r.fail(n, "must not be empty, nor begin or end with a space")
	case strings.ContainsFunc(s, func(c rune) bool { return !unicode.IsPrint(c) }):
		r.fail(n, "must be printable")
	case len(s) > maxWord:
		r.fail(n, "must not be longer than %d bytes", maxWord)
	}
}
