package incident

import (
	"net/netip"
	"slices"
	"strings"
	"time"

	"golang.org/x/net/publicsuffix"
)

// uses is the observed graph: which lanes use which hosts, and what hosts have
// in common.
type uses struct {
	hosts map[string]*host
	above map[above][]*host // that have or had it
	count int               // of lanes over all hosts
}

// Above is what hosts may have in common.
type above struct{ kind, name string }

const (
	ofCert  = "certificate"
	ofCDN   = "cdn"
	ofBlock = "block"
	ofSite  = "site"
)

// A host is what is known of one.
type host struct {
	name   string
	lanes  map[*lane]span
	certs  lately[string] // SHA-256
	blocks lately[netip.Prefix]
	cdn    string // the newest it was behind
	cdnAt  int64
	served map[string]served // by region
	in     []above           // whose lists it stands in
}

// A span is from the first to the last use.
type span struct{ first, last int64 }

// served is the newest certificate that a region was served.
type served struct {
	cert         string
	notAfter, at int64 // notAfter 0: unknown
}

// maxLately is how many certificates or address blocks of a host are known.
const maxLately = 8

// lately are the last different values of something.
type lately[T comparable] []dated[T]

type dated[T comparable] struct {
	value T
	at    int64
}

// note adds a value; true where it is new.
func (l *lately[T]) note(v T, at int64) bool {
	for i := range *l {
		if (*l)[i].value == v {
			(*l)[i].at = max((*l)[i].at, at)
			return false
		}
	}
	*l = append(*l, dated[T]{v, at})
	if len(*l) > maxLately {
		oldest := 0
		for i, d := range *l {
			if d.at < (*l)[oldest].at {
				oldest = i
			}
		}
		*l = slices.Delete(*l, oldest, oldest+1)
	}
	return true
}

func (l lately[T]) has(v T) bool {
	return slices.ContainsFunc(l, func(d dated[T]) bool { return d.value == v })
}

// note adds one use; false where the graph is full.
func (u *uses) note(f *Fold, l *lane, h Hop, at int64) bool {
	k := u.hosts[h.Host]
	if k == nil {
		if u.count >= maxUses || len(u.hosts) >= maxHosts {
			return false
		}
		k = &host{name: f.name(h.Host), lanes: make(map[*lane]span, 1)}
		u.hosts[k.name] = k
		u.put(above{ofSite, f.name(site(k.name))}, k)
	}
	s, ok := k.lanes[l]
	switch {
	case !ok && u.count >= maxUses:
		return false
	case !ok:
		u.count++
		s = span{at, at}
	}
	k.lanes[l] = span{min(s.first, at), max(s.last, at)}
	u.describe(f, k, l, h, at)
	return true
}

// describe notes what h tells of its host.
func (u *uses) describe(f *Fold, k *host, l *lane, h Hop, at int64) {
	if h.Cert != "" {
		cert := f.name(h.Cert)
		if k.certs.note(cert, at) {
			u.put(above{ofCert, cert}, k)
		}
		if at >= k.served[l.region].at {
			if k.served == nil {
				k.served = map[string]served{}
			}
			k.served[l.region] = served{cert, nanos(h.NotAfter), at}
		}
	}
	if h.CDN != "" && at >= k.cdnAt {
		if k.cdn != h.CDN {
			k.cdn = f.name(h.CDN)
			u.put(above{ofCDN, k.cdn}, k)
		}
		k.cdnAt = at
	}
	if b, ok := block(h.Address); ok && k.blocks.note(b, at) {
		u.put(above{ofBlock, b.String()}, k)
	}
}

func nanos(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixNano()
}

func (u *uses) put(a above, k *host) {
	if !slices.Contains(k.in, a) { // that list is short, while a CDN's isn't
		k.in, u.above[a] = append(k.in, a), append(u.above[a], k)
	}
}

// has reports whether k has a still: of certificates and addresses it is known
// by its last ones.
func (k *host) has(a above) bool {
	switch a.kind {
	case ofCert:
		return k.certs.has(a.name)
	case ofCDN:
		return k.cdn == a.name
	case ofBlock:
		b, err := netip.ParsePrefix(a.name)
		return err == nil && k.blocks.has(b)
	}
	return true
}

// of returns the hosts that are name, or that have it: a certificate, a CDN, an
// address block or a zone.
func (u *uses) of(name string) (all []*host) {
	if h := u.hosts[name]; h != nil {
		all = append(all, h)
	}
	for _, h := range u.above[above{ofCert, name}] {
		if h.certs.has(name) {
			all = append(all, h)
		}
	}
	for _, h := range u.above[above{ofCDN, name}] {
		if h.cdn == name {
			all = append(all, h)
		}
	}
	if b, err := netip.ParsePrefix(name); err == nil {
		for _, h := range u.above[above{ofBlock, name}] {
			if h.blocks.has(b) {
				all = append(all, h)
			}
		}
		return all
	}
	for _, h := range u.above[above{ofSite, site(name)}] {
		if h.name != name && below(h.name, name) {
			all = append(all, h)
		}
	}
	return all
}

// block is the network that an address lies in, as large as the smallest that
// are announced to the whole internet: /24 and /48.
func block(address string) (netip.Prefix, bool) {
	a, err := netip.ParseAddr(address)
	if err != nil {
		return netip.Prefix{}, false
	}
	bits := 48
	if a = a.Unmap(); a.Is4() {
		bits = 24
	}
	p, err := a.Prefix(bits)
	return p, err == nil
}

// site is the registrable domain of a host: hosts of one are related.
func site(host string) string {
	if domain, err := publicsuffix.EffectiveTLDPlusOne(host); err == nil {
		return domain
	}
	return host
}

// below reports whether host is the zone or in it.
func below(host, zone string) bool {
	ends := strings.HasSuffix(host, zone)
	return ends && (len(host) == len(zone) || host[len(host)-len(zone)-1] == '.')
}

const day = 24 * 60 * 60 * 1_000_000_000
