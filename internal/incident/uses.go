package incident

import (
	"net/netip"
	"strings"

	"golang.org/x/net/publicsuffix"
)

// uses is the observed graph: which lanes use which hosts, and what hosts have
// in common.
type uses struct {
	hosts map[string]*host
	count int // of lanes over all hosts
}

// A host is what is known of one.
type host struct {
	lanes  map[*lane]span
	certs  []string // SHA-256 of the last ones it served
	cdn    string   // the newest it was behind
	cdnAt  int64
	blocks []netip.Prefix
}

// A span is from the first to the last use.
type span struct{ first, last int64 }

const (
	maxCerts  = 8
	maxBlocks = 8
)

// note adds one use; false where the graph is full.
func (u *uses) note(f *Fold, l *lane, h Hop, at int64) bool {
	k := u.hosts[h.Host]
	if k == nil {
		if u.count >= maxUses {
			return false
		}
		k = &host{lanes: make(map[*lane]span, 1)}
		u.hosts[f.name(h.Host)] = k
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
	if h.Cert != "" {
		k.certs = remember(k.certs, h.Cert, maxCerts)
	}
	if h.CDN != "" && at >= k.cdnAt {
		k.cdn, k.cdnAt = f.name(h.CDN), at
	}
	if b, ok := block(h.Address); ok {
		k.blocks = remember(k.blocks, b, maxBlocks)
	}
	return true
}

// remember keeps the last n different values.
func remember[T comparable](list []T, v T, n int) []T {
	for _, o := range list {
		if o == v {
			return list
		}
	}
	if len(list) == n {
		list = list[1:]
	}
	return append(list, v)
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
	return host == zone || strings.HasSuffix(host, "."+zone)
}

// by calls f for each lane that has used one of the hosts between a day before
// from and to.
func (u *uses) by(hosts []string, from, to int64, f func(*lane)) {
	for _, name := range hosts {
		k := u.hosts[name]
		if k == nil {
			continue
		}
		for l, s := range k.lanes {
			if s.first <= to && s.last >= from-day {
				f(l)
			}
		}
	}
}

const day = 24 * 60 * 60 * 1_000_000_000
