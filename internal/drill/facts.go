package drill

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// Limits of a world.
const (
	maxRegions = 50
	maxHosts   = 100
	maxEdges   = 8
	maxAlike   = 500 // shows of one line
)

// hostName is one of the world's: all names are below example.
var hostName = regexp.MustCompile(`^([a-z0-9]([a-z0-9-]{0,40}[a-z0-9])?\.)+example$`)

func (r *reader) region(l line) {
	g := Region{Name: r.arg(l, 1)[0]}
	agents := 1
	r.only(l, fields{
		"name": word(&g.Display), "lat": real(&g.Lat, -90, 90), "lon": real(&g.Lon, -180, 180), "agents": whole(&agents, 1, 5),
	})
	if len(r.s.Regions) == maxRegions || slices.ContainsFunc(r.s.Regions, func(o Region) bool { return o.Name == g.Name }) {
		r.fail(l.at, "region %s: there already, or one of more than %d", g.Name, maxRegions)
		return
	}
	r.s.Regions = append(r.s.Regions, g)
	for n := range agents {
		a := Agent{g.Name, g.Name}
		if n > 0 {
			a.Name = fmt.Sprintf("%s-%d", g.Name, n+1)
		}
		r.s.Agents = append(r.s.Agents, a)
	}
}

func (r *reader) store(l line) {
	s := Store{Name: r.arg(l, 1)[0]}
	r.only(l, fields{"root": func(v string) error {
		if s.Old = v == "old"; v != "old" && v != "new" {
			return fmt.Errorf("want old or new, got %q", v)
		}
		return nil
	}})
	r.s.Stores = append(r.s.Stores, s)
}

func (r *reader) cert(l line) {
	c := Cert{Name: r.arg(l, 1)[0]}
	r.only(l, fields{"names": list(&c.Names)})
	if len(c.Names) == 0 {
		r.fail(l.at, "cert %s: names is missing", c.Name)
	}
	r.s.Certs = append(r.s.Certs, c)
}

func (r *reader) host(l line) {
	h := Host{Name: r.arg(l, 1)[0], Edges: 1}
	r.only(l, fields{
		"alias": r.name(&h.Alias), "zone": r.name(&h.Zone), "cdn": word(&h.CDN), "cert": word(&h.Cert),
		"edges": whole(&h.Edges, 1, maxEdges), "ipv6": yes(&h.IPv6),
	})
	switch {
	case !hostName.MatchString(h.Name):
		r.fail(l.at, "host %q: want a name that ends in .example", h.Name)
	case r.s.hostAt(h.Name) >= 0 || len(r.s.Hosts) == maxHosts:
		r.fail(l.at, "host %s: there already, or one of more than %d", h.Name, maxHosts)
	case h.CDN != "" && cdnHeaders[h.CDN] == nil:
		r.fail(l.at, "cdn %q is unknown", h.CDN)
	case h.Cert != "" && !slices.ContainsFunc(r.s.Certs, func(c Cert) bool { return c.Name == h.Cert }):
		r.fail(l.at, "cert %q is unknown", h.Cert)
	}
	r.s.Hosts = append(r.s.Hosts, h)
}

func (s *Scenario) hostAt(name string) int {
	return slices.IndexFunc(s.Hosts, func(h Host) bool { return h.Name == name })
}

// name reads a name below example that need not be a host's.
func (r *reader) name(into *string) func(string) error {
	return func(v string) error {
		if *into = v; !hostName.MatchString(v) {
			return fmt.Errorf("want a name that ends in .example, got %q", v)
		}
		return nil
	}
}

// known reads the name of a host.
func (r *reader) known(into *string) func(string) error {
	return func(v string) error {
		if *into = v; r.s.hostAt(v) < 0 {
			return fmt.Errorf("there is no host %q", v)
		}
		return nil
	}
}

// knownList reads names of hosts.
func (r *reader) knownList(into *[]string) func(string) error {
	return func(v string) error {
		if err := list(into)(v); err != nil {
			return err
		}
		for _, h := range *into {
			if r.s.hostAt(h) < 0 {
				return fmt.Errorf("there is no host %q", h)
			}
		}
		return nil
	}
}

// places reads names of regions.
func (r *reader) places(into *[]string) func(string) error {
	return func(v string) error {
		if err := list(into)(v); err != nil {
			return err
		}
		for _, name := range *into {
			if !slices.ContainsFunc(r.s.Regions, func(g Region) bool { return g.Name == name }) {
				return fmt.Errorf("there is no region %q", name)
			}
		}
		return nil
	}
}

func (r *reader) show(l line) {
	s := Show{Name: r.arg(l, 1)[0], Episodes: 3, Seconds: 20}
	r.only(l, fields{
		"title": word(&s.Title), "author": word(&s.Author), "feed": r.known(&s.Feed), "media": r.known(&s.Media),
		"via": r.knownList(&s.Via), "episodes": whole(&s.Episodes, 1, 50), "seconds": whole(&s.Seconds, 1, 600), "count": whole(&s.Count, 1, maxAlike),
	})
	if s.Title == "" || s.Feed == "" || s.Media == "" {
		r.fail(l.at, "show %s: title, feed or media is missing", s.Name)
	}
	if r.taken(s.Name) {
		r.fail(l.at, "%s stands above already", s.Name)
	}
	r.s.Shows = append(r.s.Shows, s)
}

func (r *reader) page(l line) {
	p := Page{Name: r.arg(l, 1)[0], Path: "/"}
	r.only(l, fields{
		"title": word(&p.Title), "host": r.known(&p.Host), "path": word(&p.Path), "assets": r.known(&p.Assets), "widget": r.known(&p.Widget),
	})
	if p.Title == "" || p.Host == "" || !strings.HasPrefix(p.Path, "/") {
		r.fail(l.at, "page %s: title or host is missing, or its path doesn't begin with /", p.Name)
	}
	if r.taken(p.Name) {
		r.fail(l.at, "%s stands above already", p.Name)
	}
	r.s.Pages = append(r.s.Pages, p)
}

// taken reports whether a show or page has the name.
func (r *reader) taken(name string) bool {
	return slices.ContainsFunc(r.s.Shows, func(s Show) bool { return s.Name == name }) ||
		slices.ContainsFunc(r.s.Pages, func(p Page) bool { return p.Name == name })
}
